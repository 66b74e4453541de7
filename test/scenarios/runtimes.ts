import { findEngine, type TestEngine } from '../engines/engine.ts';
import { buildTestImage, testImage } from '../engines/image.ts';
import { Session } from './support.ts';

/** A sort of Runtime that whole stories are played on. */
export interface Stage {
  name: 'process' | 'docker';
  /** Template fields that make an agent run there. */
  template: string;
  open(environment?: Record<string, string>): Promise<Session>;
  engine?: TestEngine;
}

/** `process` always; `docker` where an engine answers (with CI=true it must). */
export async function stages(): Promise<Stage[]> {
  const engine = await findEngine('docker');
  if (engine === undefined && process.env.CI === 'true') {
    throw new Error('CI needs a Docker engine: scripts/engines.sh up docker DIR');
  }
  const own: Stage = {
    name: 'process',
    template: '',
    open: async (environment = {}) => new Session({ DOCKER_HOST: 'unix:///nowhere', ...environment }),
  };
  if (engine === undefined) {
    console.warn('no Docker engine answers: these stories are played on processes alone');
    return [own];
  }
  return [own, dockerStage(engine)];
}

export interface DockerStage extends Stage {
  engine: TestEngine;
}

export const dockerStage = (engine: TestEngine): DockerStage => ({
  name: 'docker',
  template: `image: ${testImage}\n    imagePullPolicy: IfNotPresent`,
  open: async (environment = {}) => {
    await buildTestImage(engine);
    return new Session({ DOCKER_HOST: engine.endpoint, ...environment });
  },
  engine,
});

/** For stories that only a container engine has: none where none answers. */
export async function dockerStages(): Promise<DockerStage[]> {
  await stages();
  const engine = await findEngine('docker');
  return engine === undefined ? [] : [dockerStage(engine)];
}

export interface AgentOptions {
  name: string;
  /** A line for `sh -c`. */
  run: string;
  /** Lines under spec, two spaces deep. */
  spec?: string;
  /** Lines under template, four spaces deep. */
  template?: string;
}

export const agent = (stage: Stage, { name, run, spec = '', template = '' }: AgentOptions): string => `
apiVersion: agentctl.dev/v1
kind: Agent
metadata:
  name: ${name}
spec:
  minReady: 100ms
${spec}
  template:
    command: [sh, -c, ${JSON.stringify(run)}]
    ${stage.template}
${template}
---
`;

/** Runs until it is asked to stop. */
export const forever = 'trap "exit 0" TERM; while true; do sleep 0.2; done';
