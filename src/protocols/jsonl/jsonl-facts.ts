import type { Control, Facts } from '../protocol.ts';
import type { Fields } from './jsonl-fields.ts';

/** Returns what `ready` says about the agent. All its fields are optional. Throws Malformed. */
export function factsOf(ready: Fields): Facts {
  const agent = ready.child('agent');
  const controls = ready.child('controls');
  return {
    ...(agent === undefined
      ? {}
      : { agent: { name: agent.name('name'), ...versionOf(agent.optionalName('version')) } }),
    canResume: ready.flag('canResume') ?? false,
    controls: {
      model: control('model', 'AGENTCTL_MODEL', controls?.flag('model')),
      systemPrompt: control('system prompt', 'AGENTCTL_SYSTEM_PROMPT', controls?.flag('systemPrompt')),
      mcp: {
        status: 'True',
        reason: 'OwnLines',
        message: 'the protocol has lines of its own for it: route_request and mgmt_request',
      },
    },
    cancel: ready.flag('cancel') ?? false,
  };
}

const versionOf = (version: string | undefined): { version?: string } =>
  version === undefined ? {} : { version };

function control(what: string, variable: string, takes: boolean | undefined): Control {
  switch (takes) {
    case true:
      return { status: 'True', reason: 'Reported', message: `the agent says that it uses the ${what}` };
    case false:
      return {
        status: 'False',
        reason: 'Reported',
        message: `the agent says that it does not use the ${what}`,
      };
    case undefined:
      return {
        status: 'Unknown',
        reason: 'NotReported',
        message: `the ${what} stands in ${variable}; whether the agent reads it, its line ready does not say`,
      };
  }
}
