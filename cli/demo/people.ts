/**
 * Who shops in the demonstration: where they live, what they are called and how they behave. Everything about a
 * person that must read the same everywhere (the name, the country) follows from the number alone, so that a view
 * can name a customer without having seen the profile.
 */

const HOUR_MS = 3_600_000;

export interface Place {
  readonly city: string;
  readonly timezone: string;
  /**
   * Of the winter; an hour more or less does not change when people shop, and a fixed number is the same on every
   * machine, whatever its time zone data.
   */
  readonly offsetMs: number;
}

interface Country {
  readonly names: readonly [string, ...string[]];
  readonly places: readonly [Place, ...Place[]];
}

const place = (city: string, timezone: string, offsetHours: number): Place => ({
  city,
  timezone,
  offsetMs: offsetHours * HOUR_MS,
});

const POLAND: Country = {
  names: [
    "Jan", "Anna", "Ola", "Piotr", "Kasia", "Marek", "Zofia", "Tomasz", "Ewa", "Adam", "Magda", "Pawel", "Hania",
    "Kuba", "Julia", "Antoni", "Maja", "Filip", "Iga", "Leon",
  ],
  places: [
    place("Warsaw", "Europe/Warsaw", 1),
    place("Krakow", "Europe/Warsaw", 1),
    place("Gdynia", "Europe/Warsaw", 1),
    place("Poznan", "Europe/Warsaw", 1),
  ],
};
const BRITAIN: Country = {
  names: [
    "Ava", "Oliver", "Isla", "George", "Amelia", "Harry", "Freya", "Arthur", "Poppy", "Noah", "Elsie", "Alfie", "Ivy",
    "Theo", "Grace",
  ],
  places: [
    place("London", "Europe/London", 0),
    place("Leeds", "Europe/London", 0),
    place("Bristol", "Europe/London", 0),
  ],
};
const AMERICA: Country = {
  names: ["Emma", "Liam", "Olivia", "Mason", "Chloe", "Ethan", "Zoe", "Lucas", "Mia", "Owen", "Nora", "Wyatt"],
  places: [
    place("New York", "America/New_York", -5),
    place("Boston", "America/New_York", -5),
    place("Chicago", "America/Chicago", -6),
    place("Seattle", "America/Los_Angeles", -8),
  ],
};
/** Half of the customers live in Poland, three in ten in Britain, two in ten in America. */
const TEN_CUSTOMERS = [
  POLAND, BRITAIN, POLAND, AMERICA, POLAND, BRITAIN, POLAND, AMERICA, POLAND, BRITAIN,
] as const;

/** Spreads neighbouring numbers, so that customers who come one after another are not called alike. */
const spread = (number: number): number => {
  const mixed = Math.imul(number ^ (number >>> 7), 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) >>> 0;
};
const countryOf = (number: number): Country => TEN_CUSTOMERS[spread(number) % 10] ?? POLAND;

/** `c0042`: readable in a list, sortable, and plain in a subject or a key. */
export const customerId = (number: number): string => `c${String(number).padStart(4, "0")}`;

/** The first name that goes with a customer's number. */
export function firstName(number: number): string {
  const { names } = countryOf(number);
  return names[spread(number + 7919) % names.length] ?? names[0];
}

/** What some tell of themselves: the birthday, whether text messages are welcome, the subjects of mails. */
export interface Wishes {
  /** `1984-07-09`; null where it is not told. */
  readonly birthday: string | null;
  readonly sms: boolean;
  readonly topics: readonly ("offers" | "news")[];
}

export function wishesOf(number: number): Wishes {
  const days = spread(number + 104_729) % 16_000;
  return {
    birthday: spread(number + 15_485_863) % 10 < 6 ? new Date(Date.UTC(1956, 0, 1) + days * 24 * HOUR_MS).toISOString().slice(0, 10) : null,
    sms: spread(number + 32_452_843) % 10 < 2,
    topics: TOPICS[spread(number + 49_979_687) % TOPICS.length] ?? [],
  };
}

const TOPICS = [[], [], ["offers"], ["offers", "news"], ["news"]] as const;

/** The first name of a customer of this stream, null for any other id. */
export function nameOf(id: string): string | null {
  return /^c\d{4,9}$/.test(id) ? firstName(Number(id.slice(1))) : null;
}

export const placesOf = (number: number): readonly [Place, ...Place[]] => countryOf(number).places;

/** How a kind of customer behaves. Probabilities are per visit unless the name says otherwise. */
export interface Persona {
  readonly name: "loyal" | "bargain hunter" | "browser" | "sleeper";
  /** How many of all customers are like this. */
  readonly weight: number;
  /** Mean days between visits, before the customer's own activity divides them. */
  readonly daysBetweenVisits: number;
  /** Mean number of products looked at. */
  readonly looks: number;
  /** Puts something into the cart. */
  readonly fills: number;
  /** Buys what is in the cart before leaving. */
  readonly buys: number;
  /** Comes back within two days for a cart left behind. */
  readonly comesBack: number;
  /** Orders with a code, per order. */
  readonly usesCode: number;
  /** Sends an order back, per order. */
  readonly returns: number;
  /** Writes a review, per order. */
  readonly reviews: number;
  /** Stays away for one to eight months afterwards. */
  readonly pauses: number;
  /** Never comes again. */
  readonly leaves: number;
}

export const PERSONAS: readonly [Persona, ...Persona[]] = [
  {
    name: "loyal", weight: 18, daysBetweenVisits: 18, looks: 2.5, fills: 0.55, buys: 0.7, comesBack: 0.4,
    usesCode: 0.06, returns: 0.06, reviews: 0.3, pauses: 0.02, leaves: 0.004,
  },
  {
    name: "bargain hunter", weight: 20, daysBetweenVisits: 24, looks: 4, fills: 0.45, buys: 0.45, comesBack: 0.25,
    usesCode: 0.75, returns: 0.2, reviews: 0.12, pauses: 0.04, leaves: 0.008,
  },
  {
    name: "browser", weight: 34, daysBetweenVisits: 22, looks: 5, fills: 0.18, buys: 0.2, comesBack: 0.15,
    usesCode: 0.2, returns: 0.1, reviews: 0.1, pauses: 0.04, leaves: 0.015,
  },
  {
    name: "sleeper", weight: 28, daysBetweenVisits: 16, looks: 2.5, fills: 0.4, buys: 0.55, comesBack: 0.2,
    usesCode: 0.2, returns: 0.1, reviews: 0.12, pauses: 0.22, leaves: 0.02,
  },
];

/** A few come very often, most now and then: evenly spaced quantiles of a Pareto-like spread around 1. */
export const ACTIVITY: readonly number[] = [
  0.25, 0.3, 0.34, 0.38, 0.43, 0.48, 0.54, 0.62, 0.7, 0.8, 0.93, 1.1, 1.35, 1.75, 2.4, 3.8, 9,
];

/** Days away, for those who pause. */
export const PAUSE_DAYS: readonly number[] = [30, 45, 60, 75, 95, 120, 160, 210, 260];

/** How likely a visit begins in each hour of the customer's day, on working days and at weekends. */
export const WORKDAY_HOURS: readonly number[] = [
  3, 1, 1, 1, 1, 2, 6, 12, 16, 18, 20, 22, 30, 26, 20, 20, 24, 34, 46, 62, 72, 64, 38, 14,
];
export const WEEKEND_HOURS: readonly number[] = [
  8, 4, 2, 1, 1, 1, 3, 6, 14, 28, 40, 44, 42, 38, 36, 38, 40, 42, 44, 46, 48, 42, 30, 18,
];
/** How likely a visit falls on each day, Sunday first; 1 is the busiest. */
export const WEEKDAYS: readonly number[] = [1, 0.7, 0.62, 0.66, 0.72, 0.68, 0.86];
