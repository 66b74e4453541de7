import { type Metric, metrics } from './metrics.ts';

/** The labels of a series. They are kept, so they must not be changed. */
type LabelsOf<M extends Metric> = {
  readonly [L in keyof M['labels']]: M['labels'][L] extends readonly (infer Value)[] ? Value : string;
};

interface Counter<Labels> {
  inc(labels: Labels, by?: number): void;
}

interface Histogram<Labels> {
  observe(labels: Labels, value: number): void;
  /** Returns a function that observes the seconds since this call. */
  startTimer(): (labels: Labels) => void;
}

interface Gauge<Labels> {
  /** Calls `reader` for each scrape. Series that it does not return are gone. */
  read(reader: () => Iterable<readonly [labels: Labels, value: number]>): void;
}

type MeterOf<M extends Metric> = M['type'] extends 'counter'
  ? Counter<LabelsOf<M>>
  : M['type'] extends 'histogram'
    ? Histogram<LabelsOf<M>>
    : Gauge<LabelsOf<M>>;

type Table = typeof metrics;

/** One meter for each metric of the table. Passed in as the clock and the log are. */
export type Meters = { readonly [Name in keyof Table]: MeterOf<Table[Name]> } & {
  /** Removes the series of an Agent, when it is deleted. `key` is its namespace and name, as keyText returns them. */
  forgetAgent(key: string): void;
};

/** What a scrape reads. */
export interface Exposition {
  readonly contentType: string;
  text(): Promise<string>;
}

const nothing = { inc() {}, observe() {}, startTimer: () => () => {}, read() {} };

export const noMeters = {
  ...Object.fromEntries(Object.keys(metrics).map((name) => [name, nothing])),
  forgetAgent() {},
} as unknown as Meters; // `nothing` is a meter of each type
