/**
 * The bounds of the HTTP port. Every queue and every wait has one: whoever sends too much, or too slowly, is told so and
 * costs others nothing.
 */
export interface Limits {
  /** Largest head of a request: its first line and all headers. */
  readonly headBytes: number;
  /** Largest body of a request. */
  readonly bodyBytes: number;
  /** Bodies that are being read or appended, all requests together; beyond it the answer is 429. */
  readonly inFlightBytes: number;
  readonly connections: number;
  /** Requests of one connection that wait for their answers; one more and it is cut. */
  readonly pipelined: number;
  /** The head of a request must have come by then. */
  readonly headersMs: number;
  /** The whole request must have come by then. */
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** By then a request must have come and its answer been taken. Longer than requestMs and appendMs together. */
  readonly exchangeMs: number;
  /** How long an append may take before the sender is told to come again. */
  readonly appendMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  headBytes: 16_384,
  bodyBytes: 1_000_000,
  inFlightBytes: 16_000_000,
  connections: 1_000,
  pipelined: 16,
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 65_000,
  exchangeMs: 90_000,
  appendMs: 20_000,
};
