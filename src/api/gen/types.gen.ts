// Written by `make generate` from schemas/. Do not edit.

/** A duration, as in 90s, 15m, 1h30m or 250ms. */
export type Duration = string;

/** A DNS label (RFC 1123), lower case. */
export type Name = string;

/** CPU cores, as in 2, 0.5 or 500m. */
export type Cores = string;

/** Bytes, as in 512Mi or 2G. */
export type Bytes = string;

/** Five fields: minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly or @yearly. If neither day field begins with *, a day matches if one of the fields does; otherwise both must match. */
export type Cron = string;

/** An IANA time zone name, as in Europe/Berlin. The default is UTC. */
export type Timezone = string;

/** An RFC 3339 time. */
export type Time = string;

/** An object in the same namespace, or of a cluster-scoped kind. */
export interface LocalRef {
  /** The object's name. */
  name: string;
}

/** A Secret in any namespace, for kinds that have no namespace. */
export interface SecretRef {
  /** The Secret's namespace. */
  namespace: string;
  /** The Secret's name. */
  name: string;
}

/** One key of a Secret or ConfigMap in the same namespace. */
export interface KeyRef {
  /** The object's name. */
  name: string;
  /** The key in its data. */
  key: string;
  /** Continue if the object or the key is missing. */
  optional: boolean;
}

/** A condition as the Kubernetes API conventions define it. */
export interface Condition {
  /** The type of the condition. */
  type: string;
  /** Whether the condition is true. */
  status: 'True' | 'False' | 'Unknown';
  /** The generation that this condition is about. */
  observedGeneration?: number;
  /** When the status last changed. */
  lastTransitionTime: string;
  /** One word in CamelCase for programs. */
  reason: string;
  /** A sentence for people. */
  message: string;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  manager?: string;
  operation?: 'Apply' | 'Update';
  apiVersion?: string;
  time?: string;
  fieldsType?: string;
  fieldsV1?: Record<string, unknown>;
  subresource?: string;
}

/** Metadata as the Kubernetes API conventions define it. */
export interface ObjectMeta {
  /** The name, unique for the kind in its namespace. */
  name: string;
  /** A prefix from which the server makes a name. */
  generateName?: string;
  /** The namespace. The default is default. */
  namespace?: string;
  /** Unique in time and space; set by the server. */
  uid: string;
  /** Opaque; changes with each write. */
  resourceVersion: string;
  /** Counts changes of the spec. */
  generation?: number;
  /** When it was created. */
  creationTimestamp: string;
  /** When its deletion was requested. */
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  /** Labels, to select objects. */
  labels?: Record<string, string>;
  /** Additional information for tools and people. */
  annotations?: Record<string, string>;
  /** Who has work to do before the object can be removed. */
  finalizers?: string[];
  /** The objects that own this one. It is deleted with them. */
  ownerReferences?: OwnerReference[];
  /** Which manager owns which fields. */
  managedFields?: ManagedFieldsEntry[];
  selfLink?: string;
}

/** A check of a running instance. Exactly one of exec, httpGet, tcpSocket and log. */
export interface Probe {
  /** Succeeds when the command ends with 0 inside the instance. */
  exec?: {
    /** The command and its arguments, without a shell. */
    command: string[];
  };
  /** Succeeds on a status from 200 to 399. */
  httpGet?: {
    /** The path to request. */
    path: string;
    /** The port inside the instance. */
    port: number;
    /** HTTPS does not check the certificate. */
    scheme: 'HTTP' | 'HTTPS';
    /** Headers to send. */
    httpHeaders?: Array<{
      /** The header's name. */
      name: string;
      /** The header's value. */
      value: string;
    }>;
  };
  /** Succeeds when a connection can be made. */
  tcpSocket?: {
    /** The port inside the instance. */
    port: number;
  };
  /** Succeeds once a line of this run's output matches. */
  log?: {
    /** A regular expression (RE2). */
    pattern: string;
  };
  /** The wait after the start before the first check. */
  initialDelay: Duration;
  /** The time between checks. */
  period: Duration;
  /** The maximum time of one check. */
  timeout: Duration;
  /** The number of successes in a row after which the check succeeds. */
  successThreshold: number;
  /** The number of failures in a row after which the check fails. */
  failureThreshold: number;
}

/** The desired state. */
export interface AgentSpec {
  /** The Runtime to run on. Absent: the default container Runtime with template.image, or process without it. */
  runtimeRef?: LocalRef;
  /** A Policy of the same namespace. Cannot be combined with policy. */
  policyRef?: LocalRef;
  /** A policy for this Agent only. Cannot be combined with policyRef. */
  policy?: PolicySpec;
  /** The number of instances. */
  replicas: number;
  /** True stops all instances. They keep their names and volumes. */
  suspend: boolean;
  /** How an instance communicates over its standard input and output: acp (Agent Client Protocol), jsonl (agentctl's own line protocol), or none. */
  protocol: 'none' | 'acp' | 'jsonl';
  /** The model to use, by the name that the agent uses. The condition ModelApplied says whether the agent accepted it. */
  model?: string;
  /** The system prompt. The condition SystemPromptApplied says whether the agent uses it. Its first line introduces this agent to other agents. */
  systemPrompt?: string;
  /** Settings for each session of the agent, by the agent's own names. Only for the protocol acp. */
  session?: {
    /** The session mode. With most agents it decides whether they ask before they act. The condition SessionModeApplied says whether the agent accepted it. */
    mode?: string;
    /** Config options of the session, by id or category, as in thought_level: high. The condition SessionOptionsApplied says whether the agent accepted them. */
    options?: Record<string, string>;
  };
  /** A prompt that is sent once, when an instance is Ready for the first time. It does not wake an agent: with mode OnDemand it is sent when another message arrives. */
  prompt?: string;
  /** What the agent can do, in words. Other agents see it in their list of peers. */
  capabilities?: string[];
  /** What the agent can do to other agents in its namespace. None: nothing. Peers: list them and send them messages. Manage: also apply, start, stop and remove them. With Manage it can run anything that its own Runtime allows, with every Secret of its namespace. */
  fleetAccess: 'None' | 'Peers' | 'Manage';
  /** How the agent's requests to use a tool are decided. Absent: each request waits for approval, as with default Ask, and an agent that does not ask is not stopped. */
  permissions?: {
    /** For every tool kind without a rule. Ask: the request waits for approval, see agentctl get approvals. */
    default: 'Allow' | 'Deny' | 'Ask';
    /** Rules for single kinds of tools. */
    rules?: Array<{
      /** The kind as the Agent Client Protocol names it. */
      toolKind: 'read' | 'edit' | 'delete' | 'move' | 'search' | 'execute' | 'think' | 'fetch' | 'switch_mode' | 'other';
      /** What to do. */
      action: 'Allow' | 'Deny' | 'Ask';
    }>;
    /** A request that is not decided within this time is denied. */
    timeout: Duration;
    /** What to do with an agent that uses tools without asking, so that Deny and Ask cannot be enforced. Refuse: do not run it. Accept: run it, and report it in the condition PermissionsEnforced. */
    unenforced: 'Refuse' | 'Accept';
  };
  /** How instances share conversations. */
  conversations: {
    /** How many conversations an instance works on at the same time. Idle conversations do not count. */
    perInstance: number;
    /** A conversation is closed after this long without a message. 0s: never. */
    idleTTL: Duration;
    /** What to do when the agent's context is full. Keep: leave it to the agent. New: begin a new session with the next message. */
    onContextFull: 'Keep' | 'New';
  };
  /** Prompts to send at set times. */
  schedule?: Array<{
    /** The name of the entry. */
    name: Name;
    cron?: Cron;
    /** The time between two prompts, as in 30m. The first is sent that long after the entry was added or changed. */
    every?: Duration;
    timezone: Timezone;
    /** The text of the prompt. */
    message: string;
    /** True: the prompt is not sent, and not made up for later. */
    suspend: boolean;
    /** After the controller was down: send the prompt once, however many were missed. */
    catchUp: boolean;
    /** What to do while the previous prompt has not ended. Skip: do not send this one. Queue: send it afterwards. */
    overlap: 'Skip' | 'Queue';
    /** Whether each prompt begins a new conversation, or all prompts use the same one. */
    conversation: 'New' | 'Same';
  }>;
  /** When an instance is Ready. Absent: while it runs; with a protocol, after its handshake. */
  readiness?: Probe;
  /** An instance that fails this check is restarted. Checked after the run has been Ready once, or startDeadline has passed. */
  liveness?: Probe;
  /** How long an instance must run before it counts as Ready. */
  minReady: Duration;
  /** A start fails if the instance is not Ready within this time. */
  startDeadline: Duration;
  /** The number of old Revisions to keep. */
  revisionHistoryLimit: number;
  /** What instances are created from. */
  template: {
    /** The container image. Absent: the agent runs as a process on the host. */
    image?: string;
    /** When to pull the image. The default is Always for the tag latest, and IfNotPresent for others. */
    imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
    /** The program to run instead of the image's entrypoint. Required without an image. $(NAME) is replaced by a variable of the environment; $$ is replaced by $. */
    command?: string[];
    /** The arguments. $(NAME) is replaced by a variable of the environment; $$ is replaced by $. */
    args?: string[];
    /** Environment variables. */
    env?: Array<{
      /** The variable's name. */
      name: string;
      /** The value. $(NAME) is replaced by a variable defined before this one; $$ is replaced by $. */
      value?: string;
      /** Where the value comes from. Exactly one of secretKeyRef and configMapKeyRef. */
      valueFrom?: {
        secretKeyRef?: KeyRef;
        configMapKeyRef?: KeyRef;
      };
    }>;
    /** Every key of a Secret or ConfigMap as a variable. */
    envFrom?: Array<{
      /** A prefix for each key. */
      prefix?: string;
      /** A Secret of the same namespace. */
      secretRef?: {
        /** The Secret's name. */
        name: string;
        /** Continue if it is missing. */
        optional: boolean;
      };
      /** A ConfigMap of the same namespace. */
      configMapRef?: {
        /** The ConfigMap's name. */
        name: string;
        /** Continue if it is missing. */
        optional: boolean;
      };
    }>;
    /** Files to write before the instance starts. */
    files?: Array<{
      /** Absolute in a container; under the working directory for a process. */
      path: string;
      /** The text of the file. */
      content?: string;
      secretKeyRef?: KeyRef;
      configMapKeyRef?: KeyRef;
      /** Permissions in octal. */
      mode: string;
    }>;
    /** The working directory. For a process the default is a folder of its own. With another user than the controller's, use a folder that this user can access. */
    workingDir?: string;
    /** Volumes to mount. */
    volumes?: Array<{
      /** The name that volumeMounts use. */
      name: Name;
      /** A path of the host. It must exist, and the Runtime must allow it. */
      hostPath?: {
        /** An absolute path. */
        path: string;
      };
      /** A volume that the Runtime keeps when instances are replaced. */
      named?: {
        /** The volume's name in the Runtime, which must be in the Runtime's allow.volumes. Absent: <namespace>_<agent>_<name>, a volume of this Agent only. */
        volumeName?: string;
        /** One for each instance, by its ordinal. */
        perInstance: boolean;
      };
      /** Memory that is freed when the run ends. */
      tmpfs?: {
        /** The maximum size, as in 64Mi. */
        sizeLimit?: string;
      };
      /** A file for each key of a Secret. */
      secret?: {
        /** The Secret's name. */
        secretName: string;
        /** Continue if it is missing. */
        optional: boolean;
      };
      /** A file for each key of a ConfigMap. */
      configMap?: {
        /** The ConfigMap's name. */
        name: string;
        /** Continue if it is missing. */
        optional: boolean;
      };
    }>;
    /** Where volumes are mounted. */
    volumeMounts?: Array<{
      /** A volume's name. */
      name: string;
      /** An absolute path in the container. */
      mountPath: string;
      /** Mount the volume read-only. */
      readOnly: boolean;
    }>;
    /** What an instance may use. */
    resources?: {
      /** The maximum of each resource. */
      limits?: {
        cpu?: Cores;
        memory?: Bytes;
        /** Processes and threads. */
        pids?: number;
      };
      /** What an instance gets when resources are scarce. A container engine uses it as CPU shares and a soft memory limit; a process ignores it. */
      requests?: {
        cpu?: Cores;
        memory?: Bytes;
      };
    };
    /** Keep the standard input open. Without it, a program reads the end of its input at once. An agent with a protocol always has an open input. */
    stdin: boolean;
    /** How much of an instance's output is kept. The oldest is deleted. */
    logs: {
      /** Bytes of one file: at least 64Ki. */
      maxSize: string;
      /** Files of one run (process) or of one container (Docker). Podman keeps one file. */
      maxFiles: number;
    };
    /** User, or user:group, by name or number. */
    user?: string;
    /** Make everything but volumes read-only. */
    readOnlyRootFilesystem: boolean;
    /** Permissions beyond those of a plain program. All capabilities are dropped unless added here. */
    security?: {
      /** Linux capabilities. */
      capabilities?: {
        /** Capabilities to add, as in NET_BIND_SERVICE; ALL adds all. They must be in the Runtime's allow.capabilities. */
        add?: string[];
      };
      /** Whether a process can gain more privileges than its parent. False sets no-new-privileges. */
      allowPrivilegeEscalation: boolean;
      /** All permissions of the host. The Runtime must have allow.privileged. */
      privileged: boolean;
    };
    /** The network of a container. */
    network?: {
      /** The engine's bridge, none at all, or the host's. For Host the Runtime must have allow.hostNetwork. */
      mode: 'Bridge' | 'None' | 'Host';
      /** A network of the engine to join instead of the bridge. It must be in the Runtime's allow.networks. */
      name?: string;
      /** Ports to publish on the host. */
      ports?: Array<{
        /** The port inside the container. */
        containerPort: number;
        /** The port on the host. Absent: any free one. */
        hostPort?: number;
        /** The address on the host. One beyond loopback must be in the Runtime's allow.hostIPs. */
        hostIP: string;
        /** The transport protocol. */
        protocol: 'TCP' | 'UDP';
      }>;
    };
  };
}

/** The current state of the agent. Written by the controller. */
export interface AgentStatus {
  /** The generation that this status is about. */
  observedGeneration?: number;
  /** Instances that exist. */
  replicas?: number;
  /** Instances that are Ready. */
  readyReplicas?: number;
  /** Instances on the newest Revision. */
  updatedReplicas?: number;
  /** Restarts of all instances so far. */
  restartCount?: number;
  /** The phase of the instance that needs attention first. Updating: instances are being replaced, and others are Ready. */
  phase?: string;
  /** Why, in one word. */
  reason?: string;
  /** Why, in a sentence. */
  message?: string;
  /** The Runtime that new instances run on. */
  runtime?: string;
  /** The best position of a waiting instance in its Runtime's queue. */
  queue?: string;
  /** What happens next if nothing changes. */
  nextAction?: string;
  /** When it happens. */
  nextAt?: string;
  /** The Revision that all instances last ran Ready. */
  currentRevision?: string;
  /** The newest Revision. */
  updateRevision?: string;
  /** The label selector of the instances. */
  selector?: string;
  /** Accepted: the spec is valid. Progressing: a change is in progress. Ready: all desired instances are Ready, or sleep until a message arrives. Reconciling, Stalled: as kstatus defines them; absent if all is normal. Drifted: a run differs from the spec and waits. PermissionsEnforced, SystemPromptApplied, ModelApplied, SessionModeApplied, SessionOptionsApplied, FleetAccessible: whether the agent takes what the spec asks for. */
  conditions?: Condition[];
}

/** The desired state of an agent: what to run, how it communicates, and which Policy applies. */
export interface Agent {
  /** Always agentctl.dev/v1. */
  apiVersion: 'agentctl.dev/v1';
  /** Always Agent. */
  kind: 'Agent';
  metadata: ObjectMeta;
  /** The desired state. */
  spec: AgentSpec;
  /** The current state of the agent. Written by the controller. */
  status?: AgentStatus;
}

/** The desired state. */
export interface ApprovalSpec {
  /** The Agent that asks. */
  agentRef: LocalRef;
  /** The Instance that asks. */
  instance: string;
  /** The message in whose turn it asks. */
  message?: string;
  /** The conversation. */
  conversation?: string;
  /** The tool call, as the agent describes it. The text may come from a model. */
  title: string;
  /** What the tool would do, from its input: the command, the path and the change, or the address. If the input does not say it, the title. */
  request: string;
  /** The kind of the tool. */
  toolKind: string;
  /** The input of the tool, as JSON. */
  input?: string;
  /** The possible answers. agentctl approve uses the first allow_once, or else the first allow_always; agentctl deny does the same with reject. */
  options?: Array<{
    /** The id that the agent uses. */
    id: string;
    /** The text of the option. */
    name: string;
    /** With allow_always and reject_always, the agent does not ask again for what it considers the same. */
    kind: 'allow_once' | 'allow_always' | 'reject_once' | 'reject_always';
  }>;
  /** When it is denied automatically. */
  expiresAt?: string;
}

/** What was decided. */
export interface ApprovalStatus {
  /** Pending: waits for a decision. Expired: nobody decided before the timeout, or before the message ended. Cancelled: the message was cancelled, or the run ended. */
  state?: 'Pending' | 'Approved' | 'Denied' | 'Expired' | 'Cancelled';
  /** Who decided: a user, or spec.permissions after a change of the Agent's permissions. */
  by?: string;
  /** Why, if no person decided. */
  message?: string;
  /** The id of the option that was answered. */
  option?: string;
  /** When it was decided. */
  decidedAt?: string;
}

/** An agent's request for permission to use a tool. Decide it with agentctl approve or agentctl deny. */
export interface Approval {
  /** Always subresources.agentctl.dev/v1. */
  apiVersion: 'subresources.agentctl.dev/v1';
  /** Always Approval. */
  kind: 'Approval';
  metadata: ObjectMeta;
  /** The desired state. */
  spec: ApprovalSpec;
  /** What was decided. */
  status?: ApprovalStatus;
}

/** Settings, by key. As in Kubernetes core/v1. */
export interface ConfigMap {
  /** Always v1. */
  apiVersion: 'v1';
  /** Always ConfigMap. */
  kind: 'ConfigMap';
  metadata: ObjectMeta;
  /** True forbids changes of the data. */
  immutable?: boolean;
  /** Texts by key. */
  data?: Record<string, string>;
  /** Bytes in base64 by key. */
  binaryData?: Record<string, string>;
}

/** The Agent of the conversation. */
export interface ConversationSpec {
  /** The Agent. */
  agentRef: LocalRef;
}

/** The current state. */
export interface ConversationStatus {
  /** Whether it accepts messages. */
  state?: 'Open' | 'Closed';
  /** Why it was closed. */
  reason?: string;
  /** The Instance that it is bound to. */
  instance?: string;
  /** The session of the protocol. */
  session?: string;
  /** The number of its messages that are kept. */
  messages?: number;
  /** Tokens used so far. ? means unknown; 1200+? means 1200 plus turns that reported nothing. */
  tokens?: string;
  /** The cost so far; ? and +? as in tokens. */
  cost?: string;
  /** When its last message came or ended. */
  activeAt?: string;
}

/** A conversation with an Agent. */
export interface Conversation {
  /** Always subresources.agentctl.dev/v1. */
  apiVersion: 'subresources.agentctl.dev/v1';
  /** Always Conversation. */
  kind: 'Conversation';
  metadata: ObjectMeta;
  /** The Agent of the conversation. */
  spec: ConversationSpec;
  /** The current state. */
  status?: ConversationStatus;
}

/** What happened to an object, for people: counted, and kept for a while. As in Kubernetes core/v1. */
export interface Event {
  /** Always v1. */
  apiVersion: 'v1';
  /** Always Event. */
  kind: 'Event';
  metadata: ObjectMeta;
  /** The object that it is about. */
  involvedObject: {
    /** Its apiVersion. */
    apiVersion?: string;
    /** Its kind. */
    kind?: string;
    /** Its namespace. */
    namespace?: string;
    /** Its name. */
    name?: string;
    /** Its uid. */
    uid?: string;
    /** Its resourceVersion at that time. */
    resourceVersion?: string;
    /** The part of the object. */
    fieldPath?: string;
  };
  /** Why, in one word. */
  reason?: string;
  /** What happened, in a sentence. */
  message?: string;
  /** Normal or Warning. */
  type?: string;
  /** How many times it happened. */
  count?: number;
  /** The first time. */
  firstTimestamp?: string;
  /** The last time. */
  lastTimestamp?: string;
  /** When it was first seen. */
  eventTime?: string;
  /** Another object that it is about. Events of an Instance name its Agent here. */
  related?: {
    /** Its apiVersion. */
    apiVersion?: string;
    /** Its kind. */
    kind?: string;
    /** Its namespace. */
    namespace?: string;
    /** Its name. */
    name?: string;
    /** Its uid. */
    uid?: string;
    /** Its resourceVersion at that time. */
    resourceVersion?: string;
    /** The part of the object. */
    fieldPath?: string;
  };
  /** What was done. */
  action?: string;
  /** The component that reports it. */
  source?: {
    /** The name of the component. */
    component?: string;
    /** The host. */
    host?: string;
  };
  /** The controller that reports it. */
  reportingComponent?: string;
  /** The instance of the controller. */
  reportingInstance?: string;
}

/** The Agent that it belongs to. */
export interface InstanceSpec {
  /** The Agent's name. */
  agentName: string;
  /** The Agent's uid. */
  agentUID: string;
  /** The number in the name, from 0. */
  ordinal: number;
  /** The Runtime that it runs on. */
  runtimeRef: LocalRef;
}

/** The state of the copy. Written by the controller. */
export interface InstanceStatus {
  /** The Agent's generation that this is about. */
  observedGeneration?: number;
  /** The current phase. */
  phase?: 'Pending' | 'Starting' | 'Ready' | 'Unready' | 'Stopping' | 'BackOff' | 'Asleep' | 'Completed' | 'Failed' | 'Stopped' | 'Unknown';
  /** Why, in one word. */
  reason?: string;
  /** Why, and what to do. */
  message?: string;
  /** The newest run. It is recorded before the start; without startedAt, the start has not happened yet. */
  run?: {
    /** The number of the run, from 1. */
    number: number;
    /** The Revision that it was started from. */
    revision: string;
    /** When the run was recorded. */
    claimedAt: string;
    /** Why it was started; the Event's reason. */
    cause?: string;
    /** The container id or the process. */
    ref?: string;
    /** When it started, as the Runtime reports it. */
    startedAt?: string;
    /** Whether the container was created for this run, or started again. */
    startedBy?: 'Create' | 'Restart';
    /** The id of the image that it runs. */
    image?: string;
    /** The Secrets and ConfigMaps that it was started with, each as an HMAC of its data. */
    inputs?: Record<string, string>;
    /** The previous start. A different start belongs to this run. */
    previous?: {
      /** The container id or the process. */
      ref?: string;
      /** When it started. */
      startedAt?: string;
    };
  };
  /** Restarts so far, except the first start and starts by a message. */
  restartCount?: number;
  /** Failures in a row. */
  failures?: number;
  /** When it was restarted after a failure or an exit, within Policy.restart.window. */
  restartTimes?: string[];
  /** No start happens before this time. */
  backoffUntil?: string;
  /** The exit that backoffUntil counts from. It limits the wait after a clock jump. */
  backoffFrom?: string;
  /** Since when it has been Ready without interruption. */
  readySince?: string;
  /** The next scheduled restart. */
  nextRestartAt?: string;
  /** The schedule that nextRestartAt was computed from. */
  scheduleKey?: string;
  /** Since when a scheduled restart is due and waits until the instance is idle. */
  restartDueSince?: string;
  /** Since when its run has differed from the spec in a field that forces a restart. */
  outdatedSince?: string;
  /** A stop in progress. */
  stop?: {
    /** The run that this is about. */
    run: number;
    /** Why; the Event's reason. */
    cause: string;
    /** Why, in a sentence. */
    message?: string;
    /** When it began. */
    requestedAt: string;
    /** When the next stage begins. */
    deadline: string;
    /** What was last sent. */
    stage: 'Shutdown' | 'Signal' | 'Kill';
    /** What happens after the stop. */
    then: 'Restart' | 'Replace' | 'Stay';
  };
  /** How the last run ended. */
  lastExit?: {
    /** The run. */
    run: number;
    /** The exit code, 128 + n for signal n. */
    code?: number;
    /** The signal that ended it. */
    signal?: string;
    /** Whether it ran out of memory. */
    oomKilled?: boolean;
    /** When it started. */
    startedAt?: string;
    /** When it ended, by the Runtime's clock. */
    finishedAt: string;
    /** Who ended it: the agent itself, a stop by agentctl, or the Runtime (restart, reboot); or it was lost, or it never started. */
    cause: 'Agent' | 'Stop' | 'Runtime' | 'Lost' | 'StartFailed';
    /** The message of the Runtime. */
    message?: string;
  };
  /** How the last action ended. */
  lastOutcome?: {
    /** The action. */
    action: string;
    /** The run that this was about. */
    run: number;
    /** When it ended. */
    at: string;
    /** NotStartable: something that the spec names is missing. It does not count as a failure. */
    result: 'Succeeded' | 'Retryable' | 'Terminal' | 'NotStartable';
    /** Why, in one word. */
    reason?: string;
    /** What went wrong and what to do. */
    message?: string;
    /** A hash of what was missing. The start is tried again when it changes. */
    fingerprint?: string;
    /** The earliest time of the next try, as a registry requested. */
    retryAt?: string;
    /** How many times in a row. */
    count?: number;
  };
  /** The agentctl.dev/resume annotation that was last handled. */
  resumedAt?: string;
  /** The position in the queue of the Runtime. */
  queue?: {
    /** 1 is next. */
    position: number;
    /** Since when it waits. */
    since: string;
  };
  /** Ready, and Drifted with the fields that differ. */
  conditions?: Condition[];
}

/** One running copy of an Agent, with its durable state. Created and owned by the controller. */
export interface Instance {
  /** Always agentctl.dev/v1. */
  apiVersion: 'agentctl.dev/v1';
  /** Always Instance. */
  kind: 'Instance';
  metadata: ObjectMeta;
  /** The Agent that it belongs to. */
  spec: InstanceSpec;
  /** The state of the copy. Written by the controller. */
  status?: InstanceStatus;
}

/** What was sent. */
export interface MessageSpec {
  /** The Agent that it is for. */
  agentRef: LocalRef;
  /** Chat: from a person. Route: from another agent. Scheduled, Prompt: from the Agent's own spec. */
  kind: 'Chat' | 'Route' | 'Scheduled' | 'Prompt';
  /** Who sent it, as in user:ann, agent:default/reviewer or schedule:nightly. */
  from: string;
  /** The Conversation that it belongs to. */
  conversation: string;
  /** The text. */
  text: string;
  /** The sender's idempotency key. */
  key?: string;
  /** How many agents it has passed through. */
  hops?: number;
  /** The message in whose turn it was sent. */
  parent?: string;
  /** When it is cancelled. */
  expiresAt?: string;
}

/** The current state. */
export interface MessageStatus {
  /** Pending: it waits for an instance. Delivered: an instance has received it. Acknowledged: the instance has confirmed it. The others are final. */
  state?: 'Pending' | 'Delivered' | 'Acknowledged' | 'Completed' | 'Failed' | 'Expired';
  /** Why it failed or expired, in one word. */
  reason?: string;
  /** Why, in a sentence. */
  message?: string;
  /** How many times it was delivered. */
  attempts?: number;
  /** The Instance that has or had it. */
  instance?: string;
  /** The run of the Instance. */
  run?: number;
  /** The text of the answer, once it is final. */
  answer?: string;
  /** Why the agent ended its turn, in its own words. */
  stopReason?: string;
  /** Tokens that the turn used. ? means unknown; 1200+? means 1200 plus turns that reported nothing. */
  tokens?: string;
  /** The cost of the turn; ? and +? as in tokens. */
  cost?: string;
  /** When it was last delivered. */
  deliveredAt?: string;
  /** When it ended. */
  endedAt?: string;
}

/** A message to an Agent: a chat, a question of another agent, or a scheduled prompt. Created by agentctl send, for example. */
export interface Message {
  /** Always subresources.agentctl.dev/v1. */
  apiVersion: 'subresources.agentctl.dev/v1';
  /** Always Message. */
  kind: 'Message';
  metadata: ObjectMeta;
  /** What was sent. */
  spec: MessageSpec;
  /** The current state. */
  status?: MessageStatus;
}

/** Its finalizers. */
export interface NamespaceSpec {
  /** Who has work to do before it can be removed. */
  finalizers?: string[];
}

/** Written by the server. */
export interface NamespaceStatus {
  /** Terminating while its objects are being deleted. */
  phase?: 'Active' | 'Terminating';
}

/** A scope for names. As in Kubernetes core/v1. */
export interface Namespace {
  /** Always v1. */
  apiVersion: 'v1';
  /** Always Namespace. */
  kind: 'Namespace';
  metadata: ObjectMeta;
  /** Its finalizers. */
  spec?: NamespaceSpec;
  /** Written by the server. */
  status?: NamespaceStatus;
}

/** The rules. Every field has a default. */
export interface PolicySpec {
  /** AlwaysOn keeps instances running. OnDemand starts them when a message comes, and stops them when they have been idle for onDemand.keepalive. */
  mode: 'AlwaysOn' | 'OnDemand';
  /** Settings for the mode OnDemand. */
  onDemand: {
    /** Stop an instance after this long without a message. 0s: never. */
    keepalive: Duration;
  };
  /** Whether an instance that has ended is started again. */
  restart: {
    /** OnFailure: exit 0 completes the instance. Never: any exit ends it. */
    on: 'Always' | 'OnFailure' | 'Never';
    /** The maximum number of restarts within the window. After that the instance is Failed until a new spec or agentctl resume. Absent: no limit. */
    maxRestarts?: number;
    /** The time in which maxRestarts counts. */
    window: Duration;
  };
  /** The delay before a restart. */
  backoff: {
    /** The delay before restart n in a row; the last one repeats. */
    schedule: Duration[];
    /** The maximum fraction of the delay to add. It depends on the uid and the number of failures, so it is the same for the same failure. */
    jitter: number;
    /** Failures are forgotten after the instance has been Ready for this long. */
    resetAfter: Duration;
  };
  /** Restarts at set times. Exactly one of cron and every. */
  scheduledRestart?: {
    cron?: Cron;
    timezone: Timezone;
    /** The age of a run at which it is restarted. */
    every?: Duration;
    /** A due restart waits until the instance has been idle for this long. Without a protocol, an instance is always idle. */
    whenIdleFor: Duration;
    /** Restart a busy instance after the restart has been due for this long. Absent: never. */
    forceAfter?: Duration;
    /** The maximum time to add to each due time, by a hash of the uid, so that a fleet does not restart at once. */
    jitter: Duration;
    /** After the controller was down: restart once, however many restarts were missed. */
    catchUp: boolean;
  };
  /** How a changed spec reaches running instances. */
  update: {
    /** Rolling replaces an instance when its turn ends, WhenIdle after idleFor, OnDelete when it is deleted. */
    strategy: 'Rolling' | 'WhenIdle' | 'OnDelete';
    /** How long an instance is idle before WhenIdle replaces it. */
    idleFor: Duration;
    /** Update a busy instance after the update has waited for this long. Absent: never. */
    forceAfter?: Duration;
    /** How many instances may be down for the update at once. */
    maxUnavailable: number;
    /** After this long without progress, the condition Progressing is False. */
    progressDeadline: Duration;
    /** Go back to the last revision that was Ready when progressDeadline passes. */
    autoRevert: boolean;
  };
  /** What else replaces instances. The replacement follows the update strategy. */
  restartOn: Array<'ImageUpdate' | 'SecretChange' | 'ControllerUpgrade'>;
  /** How often ImageUpdate looks for a newer image. */
  imageInterval: Duration;
  /** How an instance is stopped. */
  stop: {
    /** The time from the signal to SIGKILL. */
    gracePeriod: Duration;
    /** The signal that asks the instance to stop. Absent: the image's STOPSIGNAL, else SIGTERM. */
    signal?: string;
    /** Who gets the signal: the main process, or its process group. After the grace period all processes get SIGKILL. */
    signalScope: 'Main' | 'Group';
  };
  /** When a Runtime is full, instances with a higher priority start first. */
  priority: number;
  /** How messages are handled. */
  messages: {
    /** How many times a message is delivered before it fails. Deliveries that agentctl interrupts by a stop do not count. */
    maxAttempts: number;
    /** A message that has not ended this long after it was sent is cancelled and expires. */
    timeout: Duration;
    /** A message fails if the agent is silent for this long while it works on it. Time in which a tool call is open does not count. */
    inactivityTimeout: Duration;
    /** The maximum number of waiting messages of an Agent. More are refused. */
    queueDepth: number;
    /** What to do with a message whose turn was interrupted by a crash after it had an effect. Resume: load the session again, and tell the agent to check its work and finish. Retry: send the message again with the same id. Fail: fail the message. The default is Resume for acp, Retry for jsonl. */
    onInterrupted?: 'Resume' | 'Retry' | 'Fail';
  };
  /** Where to send Events. */
  notify: Array<{
    /** The name of the entry, used in Events. */
    name: string;
    /** Event reasons, as in BackOff or MessageFailed; "*" is all of them. */
    reasons: string[];
    /** Send the Event as JSON by POST. A failed request is repeated up to four times, with backoff. */
    webhook?: {
      /** The address of the webhook. */
      url: string;
      /** Headers of the request, as for a login. */
      headers?: Array<{
        /** The header's name, as in Authorization. */
        name: string;
        /** The value. */
        value?: string;
        secretKeyRef?: KeyRef;
      }>;
    };
    /** A command to run on the controller's host, with the Event as JSON on its standard input. */
    command?: string[];
  }>;
}

/** When the instances of an Agent run, and how they restart, back off, update and stop. */
export interface Policy {
  /** Always agentctl.dev/v1. */
  apiVersion: 'agentctl.dev/v1';
  /** Always Policy. */
  kind: 'Policy';
  metadata: ObjectMeta;
  /** The rules. Every field has a default. */
  spec: PolicySpec;
}

/** One recorded spec of an Agent. It never changes, like Kubernetes' ControllerRevision. Created by the controller. */
export interface Revision {
  /** Always agentctl.dev/v1. */
  apiVersion: 'agentctl.dev/v1';
  /** Always Revision. */
  kind: 'Revision';
  metadata: ObjectMeta;
  /** The number of the spec, from 1. */
  revision: number;
  /** The Agent's spec as it was. */
  data: Record<string, unknown>;
  /** An HMAC of each Secret and ConfigMap that the spec names, by Kind/name, never a value. */
  inputs?: Record<string, string>;
}

/** How to reach the engine, and its limits. */
export interface RuntimeSpec {
  /** The driver. For Podman, use docker with Podman's socket. */
  driver: 'docker' | 'process';
  /** The address of the engine: unix:///run/docker.sock, tcp://host:2376 or ssh://user@host. Not for process. */
  endpoint?: string;
  /** A Secret with ca.crt, tls.crt and tls.key, for tcp. */
  tlsSecretRef?: SecretRef;
  /** The default for Agents with an image and without a runtimeRef. */
  default: boolean;
  /** The maximum number of instances. Absent: no limit. */
  maxConcurrent?: number;
  /** The maximum number of starts at the same time. Absent: no limit. */
  maxStarting?: number;
  /** The queue of waiting instances. */
  queue: {
    /** The maximum number of instances in the queue. More wait with the reason QueueFull. Absent: no limit. */
    maxDepth?: number;
  };
  /** Pauses starts while they keep failing. */
  circuitBreaker: {
    /** The number of failed starts in a row that open the circuit breaker. Failures of one Agent in a row count once, unless it is the only Agent. 0: never. */
    failureThreshold: number;
    /** How long the circuit breaker stays open before one start is tried. */
    cooldown: Duration;
  };
  /** Namespaces whose Agents can run here. Absent: all. */
  allowedNamespaces?: string[];
  /** Folders of the host that may be mounted, including their subfolders. None by default. */
  allowHostPaths: string[];
  /** What Agents can use of this host, of the engine and of each other. Nothing by default. */
  allow: {
    /** security.privileged: all permissions of the host. */
    privileged: boolean;
    /** network.mode Host: the network of the host. */
    hostNetwork: boolean;
    /** Addresses of the host on which ports may be published, as in network.ports[].hostIP; * is all. A loopback address needs no entry. */
    hostIPs: string[];
    /** Linux capabilities that may be added, with or without CAP_, in upper or lower case; * is all. */
    capabilities: string[];
    /** Networks of the engine that may be joined, as in network.name. */
    networks: string[];
    /** Volumes of the engine that may be mounted by name, as in volumes[].named.volumeName; * is all. An Agent's own volumes need no entry. */
    volumes: string[];
    /** Driver process: the users of this host that Agents with an author may run as, written as in spec.template.user. The author is in the annotation agentctl.dev/author. */
    users: string[];
    /** Driver process: whether Agents, and commands of Policy.notify, can run as the controller's own user, who has access to its socket. Absent: only those without an author. */
    controllerUser?: boolean;
  };
}

/** The current state of the Runtime. */
export interface RuntimeStatus {
  /** The generation that this status is about. */
  observedGeneration?: number;
  /** The engine's name and version. */
  version?: string;
  /** Instances that are running or starting. */
  running?: number;
  /** Waiting instances. */
  queued?: number;
  /** The circuit breaker. */
  breaker?: {
    /** Open: nothing is started. */
    state: 'Closed' | 'Open' | 'HalfOpen';
    /** Failed starts in a row. */
    failures?: number;
    /** When it opened. */
    openedAt?: string;
  };
  /** The agentctl.dev/resume annotation that was last handled. */
  resumedAt?: string;
  /** Ready: the engine answers. Init: whether containers have an init process, if the engine provides none. */
  conditions?: Condition[];
}

/** Where instances run: one Docker or Podman engine, or processes on this host. */
export interface Runtime {
  /** Always agentctl.dev/v1. */
  apiVersion: 'agentctl.dev/v1';
  /** Always Runtime. */
  kind: 'Runtime';
  metadata: ObjectMeta;
  /** How to reach the engine, and its limits. */
  spec: RuntimeSpec;
  /** The current state of the Runtime. */
  status?: RuntimeStatus;
}

/** Confidential values, such as keys and tokens. As in Kubernetes core/v1. */
export interface Secret {
  /** Always v1. */
  apiVersion: 'v1';
  /** Always Secret. */
  kind: 'Secret';
  metadata: ObjectMeta;
  /** The type of the Secret. */
  type: string;
  /** True forbids changes of the data. */
  immutable?: boolean;
  /** Values in base64. */
  data?: Record<string, string>;
  /** Values in plain text. The server encodes them into data. */
  stringData?: Record<string, string>;
}

/** Where the manifests are, how often to check them, and what they can do. */
export interface SyncSpec {
  /** Where the manifests are. Exactly one of git and directory. */
  source: {
    /** A Git repository. The system's git fetches it, without the configuration of any user. */
    git?: {
      /** https://host/path, ssh://user@host/path, user@host:path or file:///path. Store credentials in secretRef. */
      url: string;
      /** The branch to follow. At most one of branch, tag and commit. The default is the branch that the repository's HEAD names. */
      branch?: string;
      /** The tag to follow. When the tag is moved, the objects are updated. */
      tag?: string;
      /** The one commit to apply. */
      commit?: string;
      /** The folder in the repository, including its subfolders. A folder with a kustomization.yaml is rendered by kustomize. */
      path: string;
      /** Files to read, as globs below path. Names that begin with a dot are never read. */
      include: string[];
      /** Files and folders to ignore, in the syntax of a .gitignore in path: old ignores every file and folder of that name, /old only the one in path itself, *.draft.yaml all matching files, and !keep includes again what an earlier line ignores. */
      ignore: string[];
      /** Credentials, from a Secret of the same namespace. https: username and password (a token is a password), ca.crt. ssh: identity (a private key without passphrase) and known_hosts, which is required. */
      secretRef?: LocalRef;
      /** Accept only commits that are signed by one of these keys. Absent: signatures are not checked. */
      verify?: {
        /** A Secret whose keys end with .asc (OpenPGP public keys, armored) or are allowed_signers (SSH, as ssh-keygen reads it). */
        secretRef: LocalRef;
      };
      /** Lets the Git host report a push: POST /webhooks/syncs/NAMESPACE/NAME. It only shortens the wait until the next check. */
      webhook?: {
        /** A Secret with the key token, which is the secret of the webhook: GitHub's and Gitea's secret, or GitLab's token. */
        secretRef: LocalRef;
      };
    };
    /** A folder on the controller's host. It is watched, and also checked at each interval. */
    directory?: {
      /** The folder, including its subfolders. A folder with a kustomization.yaml is rendered by kustomize. */
      path: string;
      /** Files to read, as globs below path. Names that begin with a dot are never read. */
      include: string[];
      /** Files and folders to ignore, in the syntax of a .gitignore in path: old ignores every file and folder of that name, /old only the one in path itself, *.draft.yaml all matching files, and !keep includes again what an earlier line ignores. */
      ignore: string[];
    };
  };
  /** How often to check the source and compare the objects with it; 1s to 720h. After a failure the next check comes sooner, with a backoff up to this interval. */
  interval: Duration;
  /** The maximum fraction to add to the interval, so that many Syncs do not check at once. */
  jitter: number;
  /** The maximum time to read the source; 1s to 1h. */
  timeout: Duration;
  /** True pauses the Sync. agentctl sync NAME still syncs once. */
  suspend: boolean;
  /** Delete objects that this Sync applied and that the manifests no longer name. An object with the annotation agentctl.dev/prune: disabled stays. */
  prune: boolean;
  /** A revision that would delete more than this share of the inventory waits for agentctl approve. 100: none waits. */
  maxPrunePercent: number;
  /** Repair fields of the manifests that were changed in the API. False: only report them. Fields that other managers apply are never taken over. */
  selfHeal: boolean;
  /** The namespace of the objects. A manifest with another namespace is refused. Absent: the Sync's own namespace. */
  targetNamespace?: Name;
  /** Kinds that the manifests can contain. Everyone who can push has the permissions of these kinds: a Runtime can allow host paths, for example. */
  allowedKinds: Array<'Agent' | 'ConfigMap' | 'Namespace' | 'Policy' | 'Runtime' | 'Secret' | 'Sync'>;
}

/** What the controller did last. */
export interface SyncStatus {
  /** The generation that this status is about. */
  observedGeneration?: number;
  /** What was applied last as a whole: the commit, or a hash of the folder. */
  revision?: string;
  /** The branch or tag that the revision was found at, as refs/heads/main. */
  reference?: string;
  /** When it was applied. */
  appliedAt?: string;
  /** A digest of the spec fields that select the manifests and their namespace, at the time of that revision. */
  appliedSpec?: string;
  /** The revision that was tried last. */
  attempted?: {
    /** The commit, or a hash of the folder. */
    revision: string;
    /** When it was first tried. */
    at?: string;
  };
  /** Failed checks in a row. The backoff grows with them. */
  failures?: number;
  /** When it is tried again after a failure. */
  retryAt?: string;
  /** The agentctl.dev/sync-requested annotation that was last handled. */
  lastHandledRequest?: string;
  /** The number of objects in the inventory. */
  objects?: number;
  /** Likely mistakes in the applied revision: a pattern of include or ignore that matches nothing, or a field that the server sets. */
  warnings?: string[];
  /** What this Sync applied, or was about to apply: nothing else is ever deleted by it. */
  inventory?: Array<{
    /** Its group and version. */
    apiVersion: string;
    /** Its kind. */
    kind: string;
    /** Its namespace. */
    namespace?: string;
    /** Its name. */
    name: string;
  }>;
  /** What the last revision that changed anything did, object by object; the first hundred. */
  changes?: Array<{
    /** Its kind. */
    kind: string;
    /** Its namespace. */
    namespace?: string;
    /** Its name. */
    name: string;
    /** Kept: no longer in the manifests, but not deleted. */
    change: 'Created' | 'Configured' | 'Pruned' | 'Kept';
    /** The fields that changed, as agentctl diff prints them; or why it was kept. */
    fields?: string[];
  }>;
  /** The revision that made the changes. */
  changedBy?: string;
  /** Objects that differ from the manifests; the first hundred. */
  drift?: Array<{
    /** Its kind. */
    kind: string;
    /** Its namespace. */
    namespace?: string;
    /** Its name. */
    name: string;
    /** The fields that differ, as agentctl diff prints them; or with whom it is in conflict. */
    fields?: string[];
  }>;
  /** A revision that waits for agentctl approve sync/NAME. */
  pendingApproval?: {
    /** The revision. */
    revision: string;
    /** The number of objects to delete. */
    deletes: number;
    /** The number of objects in the inventory. */
    of?: number;
    /** The objects, as in agent/web; the first twenty. */
    objects?: string[];
  };
  /** Fetched: the source was reached. Ready: its newest revision is applied. InSync: the objects are as the manifests say. */
  conditions?: Condition[];
}

/** A Git repository or a folder whose manifests are kept applied. */
export interface Sync {
  /** Always agentctl.dev/v1. */
  apiVersion: 'agentctl.dev/v1';
  /** Always Sync. */
  kind: 'Sync';
  metadata: ObjectMeta;
  /** Where the manifests are, how often to check them, and what they can do. */
  spec: SyncSpec;
  /** What the controller did last. */
  status?: SyncStatus;
}

/** Every kind by its name. */
export interface Kinds {
  Agent: Agent;
  Approval: Approval;
  ConfigMap: ConfigMap;
  Conversation: Conversation;
  Event: Event;
  Instance: Instance;
  Message: Message;
  Namespace: Namespace;
  Policy: Policy;
  Revision: Revision;
  Runtime: Runtime;
  Secret: Secret;
  Sync: Sync;
}
