import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { finalizer } from '../api/annotations.ts';
import { kindInfo } from '../api/kinds.ts';
import type { PolicySpec } from '../api/objects.ts';
import { withDefaults } from '../api/shape.ts';
import { LocalClient } from '../client/local.ts';
import type { Resources } from '../client/resources.ts';
import type { Listener } from '../client/streams.ts';
import { controllerApis } from '../controller/apis.ts';
import { Controller } from '../controller/controller.ts';
import { fieldManager } from '../controller/execute.ts';
import type { LeaderElection } from '../controller/leadership.ts';
import { createOpenFiles } from '../drivers/open-files.ts';
import { openJournal } from '../messages/sqlite-journal.ts';
import { systemClock } from '../platform/clock.ts';
import { randomIds } from '../platform/ids.ts';
import { acquireLock } from '../platform/lock.ts';
import type { Log } from '../platform/log.ts';
import { controllerLog, paths } from '../platform/paths.ts';
import { createMeters } from '../platform/prometheus.ts';
import { createRegistry } from '../registry/registry.ts';
import { withVirtual } from '../registry/virtual-registry.ts';
import { createServer } from '../server/server.ts';
import { createParser } from '../sources/parsing/parser-thread.ts';
import { placeOf } from '../store/identity.ts';
import { openStore } from '../store/sqlite.ts';
import { findEngines, makeDriver } from './drivers.ts';
import { giveBackAtRest, housekeeping } from './housekeeping.ts';
import { LogFile } from './log-file.ts';
import { version } from './own-program.ts';
import { createSources } from './sources.ts';
import { guardFile, partFromOriginal, privateFolder, readKey } from './state-guard.ts';

export interface DaemonOptions {
  stateDir?: string | undefined;
  socket?: string | undefined;
  /** `host:port` for TLS, in addition to the unix socket. */
  listen?: string | undefined;
  logLevel?: string | undefined;
  /** Stop the agents when the controller stops. */
  drain?: boolean | undefined;
  /** Start no agents, and stop those that run. */
  drained?: boolean | undefined;
  /** The state folder was moved or restored intentionally: it is no copy. */
  adopt?: boolean | undefined;
  environment: Readonly<Record<string, string | undefined>>;
  /** Which of several controllers of this API acts. Absent: this one. */
  leader?: LeaderElection | undefined;
  /** Aborted to stop the controller. */
  signal: AbortSignal;
  /** Called when the API server answers. */
  onReady?: ((where: { socket: string; address?: string | undefined }) => void) | undefined;
}

/** The composition root: creates every real part, passes them on, and closes them in reverse order. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const at = paths(options.environment, options.stateDir);
  const socket = options.socket ?? at.socket;
  // The store holds Secrets, so other users may read neither new files nor an existing folder.
  process.umask(0o077);
  for (const folder of [at.state, at.logs]) mkdirSync(folder, { recursive: true });
  chmodSync(at.state, 0o700);
  const logFile = new LogFile(controllerLog(at.logs));
  const log: Log = pino({ level: options.logLevel ?? 'info' }, logFile);
  const [clock, ids] = [systemClock, randomIds];
  const secrets = secretsFolder(options.environment);
  const openFiles = createOpenFiles(clock);
  const { meters, exposition } = createMeters();
  meters.buildInfo.read(() => [[{ version }, 1]]);
  meters.databaseBytes.read(() => [
    [{ database: 'store' }, bytesOf(at.database)],
    [{ database: 'journal' }, bytesOf(at.journal)],
  ]);

  await using stack = new AsyncDisposableStack();
  const lock = acquireLock(at.lock);
  stack.defer(() => lock.release());
  logFile.rotate();
  const store = openStore(at.database, { log, meters, place: placeOf(at.state), adopt: options.adopt });
  stack.defer(() => store.close());
  const copyOf = await partFromOriginal(store, at.state, log);
  const journal = openJournal(at.journal, { log, meters });
  stack.defer(() => journal.close());
  const stored = await createRegistry({ store, clock, ids, log, finalizers: { Agent: finalizer } });
  stack.defer(() => stored.close());
  const resources = new LocalClient(stored, fieldManager);
  await firstStart(resources, options.environment, log);

  // Two parsers, so that pushed manifests never delay a request.
  const [pushed, asked] = [createParser({ clock }), createParser({ clock })];
  stack.defer(async () => void (await Promise.all([pushed.close(), asked.close()])));
  const controller = new Controller({
    resources,
    journal,
    makeDriver: (runtime) =>
      makeDriver(runtime, {
        resources,
        state: at.state,
        secrets,
        agentFiles: Number(options.environment.AGENTCTL_FILES) || undefined,
        openFiles,
        storeId: store.id,
        clock,
        log,
        meters,
      }),
    sources: createSources({
      folder: join(at.state, 'sources'),
      secrets,
      searchPath: options.environment.PATH ?? '',
      clock,
      parser: pushed,
    }),
    parsers: { syncs: pushed, agents: asked },
    defaultPolicy: defaultPolicy(),
    key: readKey(at.key),
    storeId: store.id,
    diskFull: () => store.isFull,
    version,
    clock,
    ids,
    log,
    meters,
    leader: options.leader,
  });
  if (options.drained === true) controller.drain();
  stack.defer(() => controller.stop());
  const leading = controller.start();
  // A follower answers reads while it waits to lead. Its failure ends the daemon, below.
  leading.catch(() => {});
  await (options.leader === undefined ? leading : controller.synced());

  const registry = withVirtual(stored, controller.conversations.objects, clock);
  let tls: Listener | undefined;
  const apis = controllerApis({
    controller,
    resources,
    clock,
    pid: process.pid,
    version,
    store: { id: store.id, copyOf, path: at.database, revision: () => store.revision() },
    tls: () => tls,
  });
  const server = await createServer({
    registry,
    apis,
    version,
    clock,
    log,
    meters,
    exposition,
    parser: asked,
    socket,
    listen: options.listen,
    waiting: (agent) => controller.conversations.waiting(agent),
    stateDir: at.state,
  });
  stack.defer(() => server.close());
  tls = server.tls;
  stack.defer(housekeeping({ store, registry, journal: controller.conversations, clock, log }));
  stack.defer(giveBackAtRest({ clock, revision: () => store.revision() }));
  log.info(
    { socket, address: tls?.address, state: at.state, version, pid: process.pid },
    'the controller is ready',
  );
  options.onReady?.({ socket, address: tls?.address });

  await new Promise<void>((resolve, reject) => {
    if (options.signal.aborted) resolve();
    else options.signal.addEventListener('abort', () => resolve(), { once: true });
    leading.catch(reject);
    options.leader?.lost?.addEventListener('abort', () =>
      reject(new Error('another controller leads now: this one stops, agents keep running')),
    );
    stack.defer(
      guardFile(at.lock, clock, () =>
        reject(
          new Error(
            `the state folder ${at.state} was removed or replaced while the controller was running: the controller stops, agents keep running`,
          ),
        ),
      ),
    );
  });
  log.info(
    options.drain === true
      ? 'the controller stops all agents and then itself'
      : 'the controller stops; agents keep running',
  );
  if (options.drain === true) await apis.controller.stopAgents();
}

/** Returns the size of a database with its write-ahead log. */
const bytesOf = (path: string): number =>
  [path, `${path}-wal`].reduce(
    (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );

/** Returns the policy of an Agent that names none: every default of the schema. */
function defaultPolicy(): PolicySpec {
  const { spec = {} } = kindInfo('Policy').schema.properties ?? {};
  return withDefaults(spec, {}) as PolicySpec; // a test checks that every field without a default is optional
}

/**
 * Returns the folder for secrets. They reach a container, and git, as files on a tmpfs of the host, never on a disk.
 */
function secretsFolder(environment: DaemonOptions['environment']): string {
  const own = environment.XDG_RUNTIME_DIR;
  const uid = process.getuid?.() ?? 0;
  return privateFolder(
    own === undefined ? `/dev/shm/agentctl-${uid}` : join(own, 'agentctl', 'secrets'),
    uid,
  );
}

/** Creates the first Runtimes if none was ever created: `process`, and an engine for each socket that exists. */
async function firstStart(
  resources: Resources,
  environment: DaemonOptions['environment'],
  log: Log,
): Promise<void> {
  if ((await resources.list('Runtime', { limit: 1 })).items.length > 0) return;
  const base = { apiVersion: 'agentctl.dev/v1', kind: 'Runtime' };
  await resources.create('Runtime', { ...base, metadata: { name: 'process' }, spec: { driver: 'process' } });
  for (const { name, endpoint } of findEngines(environment)) {
    await resources.create('Runtime', { ...base, metadata: { name }, spec: { driver: 'docker', endpoint } });
    log.info({ runtime: name, endpoint }, 'an engine was found');
  }
}
