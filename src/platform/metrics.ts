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

export const metrics = {
  buildInfo: {
    name: 'agentctl_build_info',
    type: 'gauge',
    help: 'Always 1. The label has the version of the controller.',
    labels: { version: 'such as 0.1.0' },
  },

  queueDepth: {
    name: 'agentctl_reconcile_queue_depth',
    type: 'gauge',
    help: 'Keys that wait for a worker.',
    labels: { reconciler },
  },
  queueSeconds: {
    name: 'agentctl_reconcile_queue_duration_seconds',
    type: 'histogram',
    help: 'Time that a key waited for a worker.',
    labels: { reconciler },
    buckets: work,
  },
  reconcileSeconds: {
    name: 'agentctl_reconcile_duration_seconds',
    type: 'histogram',
    help: 'Duration of reconciles.',
    labels: { reconciler, result: ['Succeeded', 'Requeued', 'Failed', 'Terminal'] },
    buckets: work,
  },
  reconcileRetries: {
    name: 'agentctl_reconcile_retries_total',
    type: 'counter',
    help: 'Failed reconciles that will be tried again.',
    labels: { reconciler },
  },

  instances: {
    name: 'agentctl_instances',
    type: 'gauge',
    help: 'Instances by phase.',
    labels: {
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
    },
  },
  instanceStarts: {
    name: 'agentctl_instance_starts_total',
    type: 'counter',
    help: 'Runs that were started, by Agent.',
    labels: ofAgent,
  },
  instanceRestarts: {
    name: 'agentctl_instance_restarts_total',
    type: 'counter',
    help: 'Starts that count as restarts, by Agent. The first start and a wake-up by a message do not.',
    labels: ofAgent,
  },
  instanceExits: {
    name: 'agentctl_instance_exits_total',
    type: 'counter',
    help: 'Runs that ended, by Agent and cause.',
    labels: { ...ofAgent, cause: ['Agent', 'Stop', 'Runtime', 'Lost', 'StartFailed'] },
  },
  driverSeconds: {
    name: 'agentctl_driver_call_duration_seconds',
    type: 'histogram',
    help: 'Duration of calls to Runtimes, by driver.',
    labels: {
      driver: ['process', 'docker'],
      method: 'such as `create` or `kill`',
      result: ['Succeeded', 'NotStartable', 'Retryable', 'Terminal', 'Offline', 'Fault'],
    },
    buckets: work,
  },
  probes: {
    name: 'agentctl_probes_total',
    type: 'counter',
    help: 'Checks by probes.',
    labels: { probe: ['readiness', 'liveness'], result: ['Ok', 'Failed', 'Unknown'] },
  },

  messagesAccepted: {
    name: 'agentctl_messages_accepted_total',
    type: 'counter',
    help: 'Messages that were accepted.',
    labels: { kind: ['Chat', 'Route', 'Scheduled', 'Prompt'] },
  },
  messageDeliveries: {
    name: 'agentctl_message_deliveries_total',
    type: 'counter',
    help: 'Deliveries of messages to instances. A message that is delivered again counts again.',
    labels: { attempt: ['first', 'later'] },
  },
  messageWaitSeconds: {
    name: 'agentctl_message_wait_duration_seconds',
    type: 'histogram',
    help: 'Time from the acceptance of a message to its first delivery.',
    labels: {},
    buckets: waits,
  },
  messagesEnded: {
    name: 'agentctl_messages_ended_total',
    type: 'counter',
    help: 'Messages that ended: Completed, or the reason of a message that failed or expired.',
    labels: {
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
  },
  messageTurnSeconds: {
    name: 'agentctl_message_turn_duration_seconds',
    type: 'histogram',
    help: 'Time from the last delivery of a message to its end.',
    labels: {},
    buckets: waits,
  },
  mailboxMessages: {
    name: 'agentctl_mailbox_messages',
    type: 'gauge',
    help: 'Messages that wait for an instance, by Agent with a protocol.',
    labels: ofAgent,
  },

  commitSeconds: {
    name: 'agentctl_database_commit_duration_seconds',
    type: 'histogram',
    help: 'Duration of commits, until they are on disk.',
    labels: { database, result },
    buckets: work,
  },
  commitWrites: {
    name: 'agentctl_database_commit_writes',
    type: 'histogram',
    help: 'Writes that were committed together: objects in the store, batches of entries in the journal.',
    labels: { database },
    buckets: amounts,
  },
  databaseBytes: {
    name: 'agentctl_database_size_bytes',
    type: 'gauge',
    help: 'Size of a database with its write-ahead log.',
    labels: { database },
  },

  httpRequests: {
    name: 'agentctl_http_requests_total',
    type: 'counter',
    help: 'Requests to the API that were answered. A watch counts when it ends.',
    labels: {
      verb: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection', 'other'],
      resource,
      code: 'the HTTP status code',
    },
  },
  httpSeconds: {
    name: 'agentctl_http_request_duration_seconds',
    type: 'histogram',
    help: 'Duration of requests to the API, without watches.',
    labels: {
      verb: ['get', 'list', 'create', 'update', 'patch', 'delete', 'deletecollection', 'other'],
      resource,
    },
    buckets: work,
  },
  watchClients: {
    name: 'agentctl_watch_clients',
    type: 'gauge',
    help: 'Clients that watch objects, or follow logs or messages.',
    labels: { resource },
  },
} as const satisfies Record<string, Metric>;
