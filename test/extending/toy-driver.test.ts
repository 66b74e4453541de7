import { systemClock } from '../../src/platform/clock.ts';
import { driverContract } from '../contracts/driver.ts';
import type { Program as Wanted } from '../contracts/program.ts';
import { createToyDriver, type Program, ToyRuntime, toyCapabilities } from './toy-driver.ts';

/** Plays what a test wants, which the arguments say. */
const play: Program = (spec, end) => {
  const { ends, onTerm = 0 }: Wanted = JSON.parse(spec.args?.[0] ?? '{}');
  if (ends !== undefined) queueMicrotask(() => end(ends));
  return (signal) => {
    if (signal === 'SIGTERM' && onTerm !== 'Ignore') end(onTerm);
  };
};

const traits = { capabilities: toyCapabilities, parts: [], names: false, pause: false, networks: false };

driverContract('toy', traits, async () => {
  const runtime = new ToyRuntime();
  const programs = new Map([['play', play]]);
  return {
    driver: (storeId) => createToyDriver({ storeId, clock: systemClock, runtime, programs }),
    run: (program) => ({ command: ['play'], args: [JSON.stringify(program)] }),
    filePath: 'greeting.txt',
    left: async () =>
      [...runtime.jobs.values()].filter(({ observed }) => observed.state === 'Running').length,
    close: async () => {},
  };
});
