import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Asked } from '../../models/server.ts';

/** The scripted models of test/models, as a process of their own. */
export interface Models {
  /** http://HOST:PORT */
  url: string;
  asked(): Promise<Asked[]>;
  end(): void;
}

export async function startModels(host = '127.0.0.1'): Promise<Models> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../models/server.ts'), host], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (line: Buffer) => resolve(line.toString().trim()));
    child.once('exit', (code) => reject(new Error(`the models ended with ${code}`)));
  });
  return {
    url,
    asked: async () => (await fetch(new URL('/requests', url))).json() as Promise<Asked[]>, // as it says
    end: () => child.kill(),
  };
}
