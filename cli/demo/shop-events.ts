/** The events of the demonstration's shop, as the files in `rules` declare them, and `profile_updated`. */

import type { RETURN_REASONS } from "./catalogue.js";

interface Line {
  readonly sku: string;
  readonly category: string;
}
export interface CartLine extends Line {
  readonly price: number;
}
export interface OrderLine extends CartLine {
  readonly quantity: number;
}
interface ProfileChange {
  readonly email?: string;
  readonly first_name?: string;
  readonly city?: string;
  readonly timezone?: string;
  readonly birthday?: string;
  readonly topics?: readonly string[];
  readonly consent?: { readonly email?: boolean; readonly sms?: boolean; readonly push?: boolean };
}

/** What each type of event carries. */
export interface ShopEventData {
  readonly session_started: { readonly device: "phone" | "tablet" | "desktop" };
  readonly product_viewed: CartLine;
  readonly cart_updated: { readonly cart_id: string; readonly items: readonly CartLine[] };
  readonly order_placed: {
    readonly order_id: string;
    readonly total: number;
    readonly code?: string;
    readonly items: readonly OrderLine[];
  };
  readonly order_status: { readonly order_id: string; readonly state: "sent" };
  readonly order_delivered: { readonly order_id: string; readonly items: readonly Line[] };
  readonly order_returned: {
    readonly order_id: string;
    readonly amount: number;
    readonly reason: (typeof RETURN_REASONS)[number];
  };
  readonly review_posted: { readonly sku: string; readonly rating: number };
  readonly newsletter_joined: Readonly<Record<string, never>>;
  readonly newsletter_left: Readonly<Record<string, never>>;
  readonly email_opened: { readonly template: string };
  readonly profile_updated: ProfileChange;
}
export type ShopEventType = keyof ShopEventData;

/** A CloudEvent of the shop, ready to be written as JSON. */
export type ShopEvent = {
  readonly [Type in ShopEventType]: {
    readonly specversion: "1.0";
    readonly id: string;
    readonly source: "shop";
    readonly type: Type;
    readonly subject: string;
    readonly time: string;
    readonly data: ShopEventData[Type];
  };
}[ShopEventType];
