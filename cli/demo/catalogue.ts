/** What the demonstration's shop sells. Prices are in euros. */

export interface Product {
  readonly sku: string;
  readonly category: string;
  readonly price: number;
}

export const CATEGORIES = ["coffee", "tea", "kitchen", "books", "garden", "sport", "toys", "home"] as const;
export type Category = (typeof CATEGORIES)[number];

type Shelf = readonly [Product, ...Product[]];

const shelf = (category: Category, first: [string, number], ...others: [string, number][]): Shelf => {
  const product = ([sku, price]: [string, number]): Product => ({ sku, category, price });
  return [product(first), ...others.map(product)];
};

/** The best sellers stand first on their shelf; the stream looks there more often. */
export const SHELVES: Readonly<Record<Category, Shelf>> = {
  coffee: shelf(
    "coffee",
    ["beans-brazil", 14.5],
    ["beans-ethiopia", 16.9],
    ["espresso-roast", 15.9],
    ["beans-kenya", 18.5],
    ["decaf", 13.9],
    ["filter-papers", 4.5],
  ),
  tea: shelf("tea", ["earl-grey", 9.9], ["sencha", 15], ["rooibos", 8.5], ["oolong", 19.9], ["matcha", 27.5]),
  kitchen: shelf(
    "kitchen",
    ["mug-blue", 14],
    ["espresso-machine", 289],
    ["grinder", 119],
    ["french-press", 34.9],
    ["kettle", 59],
    ["mug-red", 14],
    ["chef-knife", 89],
    ["cast-iron-pan", 74],
  ),
  books: shelf("books", ["novel", 12.9], ["cook-book", 29.9], ["atlas", 49], ["poems", 10.5], ["bread-book", 24.9]),
  garden: shelf("garden", ["seeds", 3.9], ["fern", 17.5], ["olive-tree", 64], ["secateurs", 39], ["bench", 279]),
  sport: shelf("sport", ["yoga-mat", 35], ["running-shoes", 129], ["bottle", 19.9], ["bike", 549], ["rucksack", 85]),
  toys: shelf("toys", ["kite", 24.9], ["puzzle", 18], ["wooden-train", 79], ["dolls-house", 149], ["marbles", 6.5]),
  home: shelf("home", ["candle", 12], ["lamp", 69], ["blanket", 49.9], ["armchair", 399], ["vase", 32]),
};

export const CODES = ["SPRING10", "SUNDAY5", "FRIEND15"] as const;
export const RETURN_REASONS = ["changed_mind", "wrong_size", "damaged"] as const;
