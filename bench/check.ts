/**
 * How long ten thousand declarations take to read and to check: events, traits, segments, channels and rules in about
 * the proportions in which people write them, all of which refer to one another.
 *
 *   node dist/bench/check.js [declarations=10000]
 */
import { compileProgram, type SourceFile } from "../dsl/compile.js";
import { parseFile } from "../dsl/parse.js";

export interface CheckFigures {
  readonly declarations: number;
  /** CPU seconds, the best of three. */
  readonly parse: number;
  /** Parsing included. */
  readonly compile: number;
}

export const AIM_SECONDS = 3;

/** At least as many declarations, in files of a hundred or so. Every tenth file has events of its own. */
export function largeProgram(declarations: number): readonly SourceFile[] {
  const files: SourceFile[] = [{ file: "base.eddy", text: BASE }];
  let made = BASE.match(/^[a-z]/gm)?.length ?? 0;
  for (let i = 0; made < declarations; i++) {
    const text = Array.from({ length: 10 }, (_, j) => part(i * 10 + j)).join("\n");
    made += text.match(/^[a-z]/gm)?.length ?? 0;
    files.push({ file: `part${i}.eddy`, text });
  }
  return files;
}

const BASE = `profile {
  first_name: string?
  city: string?
  consent: { email: boolean = false, push: boolean = false }
}
channel email {
  when profile.consent.email
  quiet 21:00 to 08:00
}
channel push {
  when profile.consent.push
}
`;

/** Ten declarations: two events, three traits, two segments, three rules. */
const part = (i: number): string => `event bought_${i} {
  order_id: string
  total: number
  currency: "EUR" | "PLN" | "GBP"
  items: { sku: string, category: string, quantity: number, price: number }[]
}
event viewed_${i} {
  sku: string
  category: string
}
trait spend_${i} = sum(bought_${i}.total where currency == "EUR") over 365 days
trait coffee_${i} = sum(price * quantity of bought_${i}.items where category == "coffee") over 30 days ?? 0
trait looks_${i} = count(viewed_${i}) over 7 days + ${i === 0 ? "0" : `looks_${i - 1} / 100`}
segment big_${i} "Spends a lot" when spend_${i} >= 500 and not no bought_${i} for 90 days
segment curious_${i} "Looks and looks"
  when looks_${i} >= 4 and coffee_${i} < 10 for at least 3 days
  until looks_${i} < 2 or big_${i}
# A cart left behind.
rule remind_${i} "A look, and no purchase" {
  on viewed_${i} where category != "coffee"
  until bought_${i} where total > 10
  repeat restart
  at most 1 per 7 days

  wait 1 hour
  send email "remind" { name: profile.first_name, sku: event.sku, spent: spend_${i} }
  wait 1 day
  if big_${i} {
    emit "concierge" { category: event.category }
  } else if curious_${i} and looks_${i} > 3 {
    send push "look" { looks: looks_${i} }
  }
}
rule thanks_${i} {
  on bought_${i}
  when count(bought_${i}) == 1

  send email "thanks" { first: event.items[0].sku, total: event.total }
}
rule welcome_${i} {
  on enter big_${i}
  until leave big_${i}

  wait for viewed_${i} up to 2 days {
    send push "hello"
  } else {
    set profile.city = profile.city ?? "somewhere"
  }
}
`;

function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

export function check(declarations: number): CheckFigures {
  const files = largeProgram(declarations);
  const best = (work: () => void): number => Math.min(...[1, 2, 3].map(() => cpuSeconds(work)));
  let count = 0;
  const parse = best(() => { count = files.reduce((sum, { file, text }) => sum + parseFile(file, text).declarations.length, 0); });
  const compile = best(() => {
    const { program, diagnostics } = compileProgram(files);
    if (program === null) throw new Error(`the bench's program does not compile: ${diagnostics[0]?.message ?? ""}`);
  });
  const figures: CheckFigures = { declarations: count, parse, compile };
  console.log(`${count.toLocaleString("en")} declarations: read in ${parse.toFixed(2)} s, read and checked in ${compile.toFixed(2)} s of CPU (aim: under ${AIM_SECONDS} s)`);
  return figures;
}

if (process.argv[1] === import.meta.filename) check(Number(process.argv[2] ?? 10_000));
