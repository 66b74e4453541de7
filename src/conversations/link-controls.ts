import { isDeepStrictEqual } from 'node:util';
import type { AgentSpec } from '../api/objects.ts';
import type { ControlName, ControlView, TalkView } from '../plan/world.ts';
import type { Control, Facts } from '../protocols/protocol.ts';
import type { Account } from './agent-account.ts';
import type { Link } from './link.ts';

/** What is known of a run. */
interface KnownRun extends Pick<Link, 'protocol' | 'tools' | 'settings'> {
  facts: Facts | undefined;
  account: Account;
}

/** Returns whether the agent applies what the spec asks for. Covers only what the spec uses. */
export function controlsOf(
  { facts, protocol, tools, account, settings }: KnownRun,
  spec: AgentSpec,
  permissions: ControlView | undefined,
): TalkView['controls'] {
  const out: Partial<Record<ControlName, ControlView>> = {};
  if (spec.permissions !== undefined)
    out.PermissionsEnforced =
      permissions ??
      (protocol.capabilities.asksPermission
        ? {
            status: 'Unknown',
            reason: 'NotSeenYet',
            message: 'It has not yet used a tool that requires permission.',
          }
        : {
            status: 'False',
            reason: 'ProtocolDoesNotAsk',
            message: `Agents of the protocol ${protocol.name} use tools without asking for permission.`,
          });
  if (facts === undefined) return out;
  Object.assign(out, account);
  const { model, systemPrompt, mcp, mode, options } = facts.controls;
  /** Adds a control if the spec uses it. It is outdated if the run was started with other settings. */
  const tell = (name: ControlName, wanted: unknown, given: unknown, control: Control | undefined): void => {
    if (wanted === undefined) return;
    const known = control ?? noSessions(protocol.name);
    out[name] = isDeepStrictEqual(wanted, given) ? known : outdated;
  };
  tell('ModelApplied', spec.model, settings.model, model);
  tell('SystemPromptApplied', spec.systemPrompt, settings.systemPrompt, systemPrompt);
  tell('SessionModeApplied', spec.session?.mode, settings.session?.mode, mode);
  tell('SessionOptionsApplied', spec.session?.options, settings.session?.options, options);
  if (spec.fleetAccess === 'None' || !protocol.capabilities.offersTools) return out;
  if (tools !== undefined && 'unavailable' in tools)
    out.FleetAccessible = { status: 'False', reason: 'NoAddress', message: tools.unavailable };
  else out.FleetAccessible = mcp.reason === 'NotAsked' ? noTools : mcp;
  return out;
}

const outdated: ControlView = {
  status: 'False',
  reason: 'Outdated',
  message: 'The spec was changed since its run was started: the next run is told.',
};

const noTools: ControlView = {
  status: 'False',
  reason: 'NotGiven',
  message:
    "Its run was started without agentctl's MCP server, as spec.fleetAccess was None: the next run is given it. Start one now with agentctl rollout restart.",
};

const noSessions = (protocol: string): ControlView => ({
  status: 'False',
  reason: 'Unsupported',
  message: `The protocol ${protocol} has no sessions that can be set.`,
});
