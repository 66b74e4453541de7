import type { Meters } from '../platform/meters.ts';
import { type Driver, DriverError } from './driver.ts';

type CallLabels = Parameters<Meters['driverSeconds']['observe']>[0];
type Result = CallLabels['result'];

/** Not calls: data, and a stream that stays open for as long as the Runtime answers. */
const unmeasured: ReadonlySet<string> = new Set(['capabilities', 'watch']);

/** Measures each call to the Runtime, those of the driver's parts too. */
export const withMeters = <D extends Driver>(driver: D, name: CallLabels['driver'], meters: Meters): D =>
  measured(driver, '', (method) => {
    const stop = meters.driverSeconds.startTimer();
    return (result) => stop({ driver: name, method, result });
  }) as D; // has the same methods

type Start = (method: string) => (result: Result) => void;

function measured(part: object, prefix: string, start: Start): object {
  return Object.fromEntries(
    Object.entries(part).map(([key, value]) => {
      const method = prefix + key;
      if (unmeasured.has(method)) return [key, value];
      if (typeof value === 'function') return [key, measuredCall(value, method, start)];
      return [key, typeof value === 'object' ? measured(value, `${method}.`, start) : value];
    }),
  );
}

function measuredCall(call: (...args: unknown[]) => unknown, method: string, start: Start) {
  return (...args: unknown[]): unknown => {
    const ended = start(method);
    const answer = call(...args);
    if (answer instanceof Promise)
      answer.then(
        () => ended('Succeeded'),
        (error: unknown) => ended(error instanceof DriverError ? error.kind : 'Fault'),
      );
    return answer;
  };
}
