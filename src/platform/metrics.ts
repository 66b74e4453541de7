/**
 * All metrics of the controller. `make generate` writes docs/metrics.md from this table. Names follow Prometheus' rules:
 * the prefix `agentctl_`, base units, and `_total` for counters.
 */

export interface Metric {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  /** For each label, all of its values, or a sentence that says what they are. */
  labels: Readonly<Record<string, readonly string[] | string>>;
  /** Of a histogram. */
  buckets?: readonly number[];
}

/** Seconds of work in this process or in an engine. */
const work = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];
/** Seconds that a message waits or is worked on. */
const waits = [0.01, 0.1, 1, 5, 15, 60, 300, 900, 3600];
const amounts = [1, 2, 5, 10, 50, 100, 500];

const result = ['Succeeded', 'Failed'] as const;
const reconciler = 'such as `agent`, `runtime` or `sync`';
const database = ['store', 'journal'] as const;
const resource = 'the plural of a kind, such as `agents` or `agents/scale`, or a path such as `/metrics`';
/** The series of an Agent are removed when it is deleted. */
const ofAgent = { namespace: "the Agent's namespace", agent: "the Agent's name" } as const;

type Labels = Metric['labels'];

const counter = <const L extends Labels>(name: string, help: string, labels: L) =>
  ({ type: 'counter', name, help, labels }) as const;
const gauge = <const L extends Labels>(name: string, help: string, labels: L) =>
  ({ type: 'gauge', name, help, labels }) as const;
const histogram = <const L extends Labels>(
  name: string,
  help: string,
  labels: L,
  buckets: readonly number[],
) => ({ type: 'histogram', name, help, labels, buckets }) as const;

export const metrics = {
  buildInfo: gauge('agentctl_build_info', 'Always 1. The label has the version of the controller.', {
    version: 'such as 0.1.0',
  }),

  queueDepth: gauge('agentctl_reconcile_queue_depth', 'Keys that wait for a worker.', { reconciler }),
  queueSeconds: histogram(
    'agentctl_reconcile_queue_duration_seconds',
    'Time that a key waited for a worker.',
    { reconciler },
    work,
  ),
  reconcileSeconds: histogram(
    'agentctl_reconcile_duration_seconds',
    'Duration of reconciles.',
    { reconciler, result: ['Succeeded', 'Requeued', 'Failed', 'Terminal'] },
    work,
  ),
  reconcileRetries: counter(
    'agentctl_reconcile_retries_total',
    'Failed reconciles that will be tried again.',
    { reconciler },
  ),

  instances: gauge('agentctl_instances', 'Instances by phase.', {
    phase: [
      'Pending',
      'Starting',
      'Ready',
      'Unready',
      'Stopping',
      'BackOff',
      'Asleep',
      'Completed',
      'Failed',
      'Stopped',
      'Unknown',
    ],
  }),
  instanceStarts: counter('agentctl_instance_starts_total', 'Runs that were started, by Agent.', ofAgent),
  instanceRestarts: counter(
    'agentctl_instance_restarts_total',
    'Starts that count as restarts, by Agent. The first start and a wake-up by a message do not.',
    ofAgent,
  ),
  instanceExits: counter('agentctl_instance_exits_total', 'Runs that ended, by Agent and cause.', {
    ...ofAgent,
    cause: ['Agent', 'Stop', 'Runtime', 'Lost', 'StartFailed'],
  }),
  driverSeconds: histogram(
    'agentctl_driver_call_duration_seconds',
    'Duration of calls to Runtimes, by driver.',
    {
      driver: ['process', 'docker'],
      method: 'such as `create` or `kill`',
      result: ['Succeeded', 'NotStartable', 'Retryable', 'Terminal', 'Offline', 'Fault'],
    },
    work,
  ),
  probes: counter('agentctl_probes_total', 'Checks by probes.', {
    probe: ['readiness', 'liveness'],
    result: ['Ok', 'Failed', 'Unknown'],
  }),

  messagesAccepted: counter('agentctl_messages_accepted_total', 'Messages that were accepted.', {
    kind: ['Chat', 'Route', 'Scheduled', 'Prompt'],
  }),
  messageDeliveries: counter(
    'agentctl_message_deliveries_total',
    'Deliveries of messages to instances. A message that is delivered again counts again.',
    { attempt: ['first', 'later'] },
  ),
  messageWaitSeconds: histogram(
    'agentctl_message_wait_duration_seconds',
    'Time from the acceptance of a message to its first delivery.',
    {},
    waits,
  ),
  messagesEnded: counter(
    'agentctl_messages_ended_total',
    'Messages that ended: Completed, or the reason of a message that failed or expired.',
    {
      reason: [
        'Completed',
        'AgentDeleted',
        'AgentError',
        'AgentFailed',
        'AuthRequired',
        'Cancelled',
        'EmptyAnswer',
        'Inactive',
        'Interrupted',
        'MaxAttempts',
        'MaxTokens',
        'MaxTurnRequests',
        'NoSession',
        'PermissionDenied',
        'QuotaExceeded',
        'Refusal',
        'SessionLost',
        'Timeout',
        'Other',
      ],
    },
  ),
  messageTurnSeconds: histogram(
    'agentctl_message_turn_duration_seconds',
    'Time from the last delivery of a message to its end.',
    {},
    waits,
  ),
  mailboxMessages: gauge(
    'agentctl_mailbox_messages',
    'Messages that wait for an instance, by Agent with a protocol.',
    ofAgent,
  ),

  commitSeconds: histogram(
    'agentctl_database_commit_duration_seconds',
    'Duration of commits, until they are on disk.',
    { database, result },
    work,
  ),
  commitWrites: histogram(
    'agentctl_database_commit_writes',
    'Writes that were committed together: objects in the store, batches of entries in the journal.',
    { database },
    amounts,
  ),
  databaseBytes: gauge('agentctl_database_size_bytes', 'Size of a database with its write-ahead log.', {
    database,
  }),

  httpRequests: counter(
    'agentctl_http_requests_total',
    'Requests to the API that were answered. A watch counts when it ends.',
    {
      verb: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection', 'other'],
      resource,
      code: 'the HTTP status code',
    },
  ),
  httpSeconds: histogram(
    'agentctl_http_request_duration_seconds',
    'Duration of requests to the API, without watches.',
    {
      verb: ['get', 'list', 'create', 'update', 'patch', 'delete', 'deletecollection', 'other'],
      resource,
    },
    work,
  ),
  watchClients: gauge('agentctl_watch_clients', 'Clients that watch objects, or follow logs or messages.', {
    resource,
  }),
} satisfies Record<string, Metric>;
