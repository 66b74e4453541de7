/** What Stryker found, held against the list of mutants that nothing can notice. */

/** As much of Stryker's report as is read (mutation-testing-report-schema). */
export interface Report {
  files: Readonly<Record<string, { source: string; mutants: readonly Mutant[] }>>;
}

interface Mutant {
  status: string;
  replacement: string;
  location: { start: Position; end: Position };
}

/** Both count from 1. */
interface Position {
  line: number;
  column: number;
}

/** A mutant that changes no behaviour. It is found again by its text, so that lines may move. */
export interface Equivalent {
  file: string;
  /** The source line in which it begins. */
  line: string;
  /** As in `a < b => a <= b`. */
  mutant: string;
  reason: string;
}

interface Survivor extends Omit<Equivalent, 'reason'> {
  at: number;
}

export interface FileResult {
  file: string;
  killed: number;
  /** Of those killed: tests that did not end in time, as they do under load, too. */
  timedOut: number;
  equivalent: number;
  survivors: readonly Survivor[];
  /** Run only while a module is loaded; each would take all tests. */
  untried: number;
}

export interface Comparison {
  files: readonly FileResult[];
  /** Listed, and not among the survivors of its file: killed by now, or its text has changed. */
  stale: readonly Equivalent[];
}

export function compare(report: Report, list: readonly Equivalent[]): Comparison {
  const used = new Set<Equivalent>();
  const files = Object.entries(report.files).map(([file, { source, mutants }]): FileResult => {
    const listed = list.filter((one) => one.file === file);
    const lines = source.split('\n');
    const survivors: Survivor[] = [];
    const count = { killed: 0, timedOut: 0, equivalent: 0, untried: 0 };
    for (const mutant of mutants) {
      switch (mutant.status) {
        case 'Timeout':
          count.timedOut += 1;
          count.killed += 1;
          continue;
        case 'Killed':
        case 'RuntimeError':
          count.killed += 1;
          continue;
        case 'Ignored':
          count.untried += 1;
          continue;
        case 'Survived':
        case 'NoCoverage':
        case 'CompileError':
          break;
        default:
          throw new Error(`a mutant of ${file} is ${mutant.status}`);
      }
      const survivor = survivorOf(file, lines, mutant);
      const known = listed.find((one) => one.line === survivor.line && one.mutant === survivor.mutant);
      if (known !== undefined) used.add(known);
      if (mutant.status === 'CompileError') continue; // not in the sample
      if (known === undefined) survivors.push(survivor);
      else count.equivalent += 1;
    }
    return { file, survivors, ...count };
  });
  const stale = list.filter((one) => report.files[one.file] !== undefined && !used.has(one));
  return { files, stale };
}

/**
 * The bounds, from 0 to 1, between which the share of all lies with a probability of 95 %, if `count` of a random sample
 * of `tried` are counted (Wilson's interval).
 */
export function interval(count: number, tried: number): [number, number] {
  if (tried === 0) return [0, 1];
  const z = 1.96;
  const share = count / tried;
  const center = share + z ** 2 / (2 * tried);
  const margin = z * Math.sqrt((share * (1 - share)) / tried + z ** 2 / (4 * tried ** 2));
  const scale = 1 + z ** 2 / tried;
  return [Math.max(0, (center - margin) / scale), Math.min(1, (center + margin) / scale)];
}

function survivorOf(
  file: string,
  lines: readonly string[],
  { location: { start, end }, replacement }: Mutant,
): Survivor {
  const cut = lines.slice(start.line - 1, end.line);
  const last = cut.length - 1;
  cut[last] = cut[last]?.slice(0, end.column - 1) ?? '';
  cut[0] = cut[0]?.slice(start.column - 1) ?? '';
  return {
    file,
    at: start.line,
    line: lines[start.line - 1]?.trim() ?? '',
    mutant: `${oneLine(cut.join(' '))} => ${oneLine(replacement)}`,
  };
}

const oneLine = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length <= 160 ? line : `${line.slice(0, 157)}...`;
};
