/** To a process, or to a group by its negative number. One that has ended already is what was wanted. */
export function sendKill(pid: number): void {
  sendSignal(pid, 'SIGKILL');
}

/** False where there is none of that number. */
export function sendSignal(pid: number, signal: number | NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
