import { readFileSync, statSync } from 'node:fs';
import { ignoring } from './code.ts';

/** Identifies a folder. A renamed folder keeps its place; a copy has another one. */
export interface Place {
  /** The machine-id; '' if the host has none, as in many containers. */
  machine: string;
  boot: string;
  /** Device number of the file system. It may change at each boot, so it is only compared within one boot. */
  device: string;
  inode: string;
}

export function placeOf(folder: string): Place {
  const { dev, ino } = statSync(folder, { bigint: true });
  return {
    machine: textOf('/etc/machine-id'),
    boot: textOf('/proc/sys/kernel/random/boot_id'),
    device: String(dev),
    inode: String(ino),
  };
}

export const isSamePlace = (one: Place, other: Place): boolean =>
  one.machine === other.machine &&
  one.inode === other.inode &&
  (one.device === other.device || one.boot !== other.boot);

function textOf(path: string): string {
  return ignoring(() => readFileSync(path, 'utf8').trim(), 'ENOENT') ?? '';
}
