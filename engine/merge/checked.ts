/** What an event brings, as the present program takes it. */
import type { Compiled, EventPlan } from "../compile/compiled.js";
import type { Data } from "../customer.js";
import { BAD, refused } from "../schema.js";
import { InvalidToken, encodeToken } from "../subjects.js";

/** BAD: it does not fit (`lastFault` says why). */
export function checked(compiled: Compiled, plan: EventPlan, data: unknown): Data | typeof BAD {
  if (plan.isProfileUpdate) return compiled.profilePatch(data);
  const found = plan.check(data);
  return found !== BAD && plan.isIdentification && !isCustomer(found["anonymous_id"]) ? refused(".anonymous_id", "must be the id of a customer: a text that is not empty, of at most 1024 characters") : found;
}

function isCustomer(id: Data[string]): boolean {
  if (typeof id !== "string") return false;
  try {
    return encodeToken(id) !== "";
  } catch (error) {
    if (error instanceof InvalidToken) return false;
    throw error;
  }
}
