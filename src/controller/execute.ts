import { authorOf, finalizer, instanceFinalizer } from '../api/annotations.ts';
import { isApiError } from '../api/errors.ts';
import type { Agent, AgentSpec, Instance, ObjectKey, Revision, Runtime } from '../api/objects.ts';
import { listed } from '../api/text.ts';
import type { Resources } from '../client/resources.ts';
import type { Conversations } from '../conversations/conversations.ts';
import { type Driver, DriverError, type RunSpec, requireFeature } from '../drivers/driver.ts';
import { unsupported } from '../drivers/driver-index.ts';
import type { Action, Outcome } from '../plan/action.ts';
import type { Observed } from '../plan/world.ts';
import { programAuthor } from './policies.ts';
import { type FindInput, runSpec } from './runspec.ts';
import type { Session } from './session.ts';

export const fieldManager = 'agentctl-controller';

/** The inputs of one action. Agent and Instance are the versions of the claimed plan. */
export interface ExecuteContext {
  resources: Resources;
  agent: Agent;
  instance: Instance | undefined;
  /** Session of the Instance's own Runtime. */
  session: Session | undefined;
  runtime: Runtime | undefined;
  revision: (name: string) => Promise<Revision>;
  find: FindInput;
  stop: Parameters<typeof runSpec>[0]['stop'];
  store: string;
  controllerVersion: string;
  conversations: Conversations;
  /** Stores the object that a write returned. */
  wrote: (object: Agent | Instance | Revision) => void;
}

/** Carries out one action: one call to the driver or the API. It decides nothing. The next observe shows its effect. */
export async function execute(action: Action, context: ExecuteContext): Promise<Outcome> {
  try {
    await carryOut(action, context);
    return { result: 'Succeeded' };
  } catch (error) {
    return outcomeOf(error, context);
  }
}

async function carryOut(action: Action, context: ExecuteContext): Promise<void> {
  const { resources, agent } = context;
  const namespace = agent.metadata.namespace;
  const options = { fieldManager };
  switch (action.type) {
    case 'Adopt':
    case 'Release': {
      const others = (agent.metadata.finalizers ?? []).filter((name) => name !== finalizer);
      const finalizers = action.type === 'Adopt' ? [...others, finalizer] : others;
      const body = { metadata: { resourceVersion: agent.metadata.resourceVersion, finalizers } };
      context.wrote(await resources.patch('Agent', agent.metadata, { type: 'merge', body }, options));
      return;
    }
    case 'CreateRevision':
      context.wrote(
        await resources.create('Revision', action.revision, { ...options, author: authorOf(agent) }),
      );
      return;
    case 'DeleteRevision':
      await gone(resources.delete('Revision', { namespace, name: action.name }));
      return;
    case 'CreateInstance':
      context.wrote(await resources.create('Instance', action.instance, options));
      return;
    case 'DeleteInstance': {
      await gone(deleteInstance(resources, { namespace, name: action.name }));
      return;
    }
    case 'MoveInstance': {
      const body = { spec: { runtimeRef: { name: action.runtime } } };
      context.wrote(
        await resources.patch('Instance', { namespace, name: action.name }, { type: 'merge', body }, options),
      );
      return;
    }
    case 'Revert': {
      const { replicas, suspend } = agent.spec;
      const spec = { ...action.spec, replicas, suspend };
      const author = authorOf(await context.revision(action.revision));
      const metadata = { ...agent.metadata, annotations: action.annotations };
      context.wrote(await resources.update('Agent', { ...agent, metadata, spec }, { ...options, author }));
      return;
    }
    case 'Start': {
      const { session, instance } = runtimeOf(context);
      const revision = await context.revision(action.revision);
      const recorded = recordedSpec(revision);
      checkAllowed(recorded, context);
      const spec = runSpec({
        ...context,
        instance,
        run: action.run,
        revision: action.revision,
        spec: recorded,
        again: action.again,
      });
      const { driver } = session;
      const asked = session.ask();
      if (action.how === 'Replace' && action.ref !== undefined) {
        await driver.remove(action.ref, { volumes: false });
        session.note(action.ref, undefined, asked);
      }
      const observed = await started(driver, action, spec);
      session.note(observed.ref, observed, asked);
      return;
    }
    case 'SendPrompt':
      return context.conversations.sendPrompt(agent, action);
    case 'SkipPrompt':
      return context.conversations.skipPrompt(agent, action.schedule, action.dueAt);
    case 'Shutdown':
      return context.conversations.shutdown(action.uid, action.run);
    case 'Signal': {
      const { session } = runtimeOf(context);
      await session.driver.signal(action.ref, action.signal, action.scope);
      return;
    }
    case 'Kill': {
      const { session } = runtimeOf(context);
      await session.driver.kill(action.ref);
      await session.look(action.ref);
      return;
    }
    case 'Remove': {
      const { session } = runtimeOf(context);
      const asked = session.ask();
      await session.driver.remove(action.ref, { volumes: action.volumes });
      session.note(action.ref, undefined, asked);
      return;
    }
  }
}

function started(
  driver: Driver,
  { how, ref }: Extract<Action, { type: 'Start' }>,
  spec: RunSpec,
): Promise<Observed> {
  if (how !== 'Restart' || ref === undefined) return driver.create(spec);
  requireFeature(driver, 'restart');
  return driver.restart(ref, spec);
}

/** Returns the RunSpec of the newest run: its Revision, with Secrets and ConfigMaps as they are now. */
export async function specOfRun(context: ExecuteContext, instance: Instance): Promise<RunSpec> {
  const { number = 0, revision: name = '' } = instance.status?.run ?? {};
  const spec = recordedSpec(await context.revision(name));
  return runSpec({ ...context, instance, run: number, revision: name, spec });
}

/** A Revision records a spec; its schema leaves it open, hence the cast. */
export const recordedSpec = (revision: Revision): AgentSpec => revision.data as unknown as AgentSpec;

function runtimeOf({ session, instance }: ExecuteContext): { session: Session; instance: Instance } {
  if (session === undefined || instance === undefined) {
    throw new DriverError('Offline', 'RuntimeMissing', 'The Runtime of this Instance does not exist.');
  }
  return { session, instance };
}

/**
 * Throws a DriverError if the Runtime does not allow the spec. The planner judged the Agent's spec on the Runtime that
 * the Agent resolves to. But the start uses the Revision's spec on the Instance's own Runtime, whose `spec.allow` may
 * have been restricted since.
 */
function checkAllowed(spec: AgentSpec, { agent, find, runtime }: ExecuteContext): void {
  if (runtime === undefined)
    throw new DriverError('Offline', 'RuntimeMissing', 'The Runtime of this Instance does not exist.');
  const { namespace = 'default' } = agent.metadata;
  const { name } = runtime.metadata;
  if (runtime.spec.allowedNamespaces?.includes(namespace) === false)
    throw new DriverError(
      'NotStartable',
      'NamespaceNotAllowed',
      `The Runtime ${name} does not accept Agents of the namespace ${namespace}.`,
    );
  const reasons = unsupported(runtime.spec, spec, programAuthor({ ...agent, spec }, find));
  if (reasons.length > 0)
    throw new DriverError(
      'NotStartable',
      'UnsupportedByRuntime',
      `The Runtime ${name} does not support ${listed(reasons, { separator: '; ' })}.`,
    );
}

/** Deletes an Instance that has nothing left. If ours is the last finalizer, the same write removes it. */
async function deleteInstance(resources: Resources, key: ObjectKey): Promise<void> {
  const { metadata } = await resources.delete('Instance', key, { lastFinalizer: instanceFinalizer });
  if (metadata.finalizers?.includes(instanceFinalizer)) await letGo(resources, key);
}

/** Removes our finalizer from an Instance that has nothing left. Keeps the finalizers of others. */
export async function letGo(resources: Resources, key: ObjectKey): Promise<void> {
  const { metadata } = await resources.get('Instance', key);
  const { resourceVersion, finalizers = [] } = metadata;
  if (!finalizers.includes(instanceFinalizer)) return;
  const others = finalizers.filter((name) => name !== instanceFinalizer);
  const body = { metadata: { resourceVersion, finalizers: others.length === 0 ? null : others } };
  await resources.patch('Instance', key, { type: 'merge', body }, { fieldManager });
}

/** Waits for a deletion. NotFound counts as success. */
export async function gone(deletion: Promise<unknown>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
}

function outcomeOf(error: unknown, context: ExecuteContext): Outcome {
  if (error instanceof DriverError) {
    const { code: reason, message, retry } = error;
    if (error.kind === 'Offline') {
      context.session?.offline(error);
      return { result: 'NotStartable', reason, message };
    }
    const retryAt = typeof retry === 'object' && 'at' in retry ? retry.at : undefined;
    return { result: error.kind, reason, message, retryAt };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { result: 'Retryable', reason: isApiError(error) ? error.code : 'Fault', message };
}
