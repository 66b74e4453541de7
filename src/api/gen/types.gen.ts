// Written by `make generate` from schemas/. Do not edit.

/** A length of time as Kubernetes writes it: 90s, 15m, 1h30m, 250ms. */
export type Duration = string;

/** A DNS label (RFC 1123), lower case. */
export type Name = string;

/** Cores: 2, 0.5, 500m. */
export type Cores = string;

/** Bytes: 512Mi, 2G. */
export type Bytes = string;

/** Five fields: minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly or @yearly. Where neither day field begins with *, a day that matches one of them is enough; else a day must match both. */
export type Cron = string;

/** An IANA time zone name, as in Europe/Berlin. The default is UTC. */
export type Timezone = string;

/** An RFC 3339 instant. */
export type Time = string;

/** An object of the same namespace, or one of a cluster-scoped kind. */
export interface LocalRef {
  /** The object's name. */
  name: string;
}

/** A Secret, named with its namespace since the kind that refers to it has none. */
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
  /** Continue without it if the object or the key is missing. */
  optional: boolean;
}

/** A condition as the Kubernetes API conventions define it. */
export interface Condition {
  /** What the condition is about. */
  type: string;
  /** Whether it holds. */
  status: 'True' | 'False' | 'Unknown';
  /** The generation that this verdict is about. */
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
  /** The namespace; "default" where none is given. */
  namespace?: string;
  /** Unique in time and space; set by the server. */
  uid: string;
  /** Opaque; changes with each write. */
  resourceVersion: string;
  /** Counts changes of the spec. */
  generation?: number;
  /** When it was made. */
  creationTimestamp: string;
  /** When its deletion was requested. */
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  /** Pairs to select objects by. */
  labels?: Record<string, string>;
  /** Pairs that programs and people leave on the object. */
  annotations?: Record<string, string>;
  /** Who has work to do before the object may go. */
  finalizers?: string[];
  /** The objects that this one goes with. */
  ownerReferences?: OwnerReference[];
  /** Who set which field. */
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
    /** The path to ask for. */
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
  /** How long one check may take. */
  timeout: Duration;
  /** Successes in a row that make it good. */
  successThreshold: number;
  /** Failures in a row that make it bad. */
  failureThreshold: number;
}

/** What should run. */
export interface AgentSpec {
  /** The Runtime to run on. Absent: with template.image the default container Runtime, without it process. */
  runtimeRef?: LocalRef;
  /** A Policy of the same namespace. Not together with policy. */
  policyRef?: LocalRef;
  /** A policy of this Agent alone. Not together with policyRef. */
  policy?: PolicySpec;
  /** How many instances. */
  replicas: number;
  /** True stops all instances and starts none; their names and volumes stay. */
  suspend: boolean;
  /** How an instance talks over its standard input and output: acp (Agent Client Protocol), jsonl (agentctl's own line protocol), or none. */
  protocol: 'none' | 'acp' | 'jsonl';
  /** The model to use, by the name that the agent uses. The condition ModelApplied says whether the agent accepted it. */
  model?: string;
  /** The system prompt. The condition SystemPromptApplied says whether the agent uses it. Its first line introduces this agent to other agents. */
  systemPrompt?: string;
  /** What each session of the agent is set to, by the agent's own names. For the protocol acp. */
  session?: {
    /** The session mode. With most agents it says whether they ask before they act. Condition SessionModeApplied says whether it was taken. */
    mode?: string;
    /** Config options of the session, by id or category, as in thought_level: high. Condition SessionOptionsApplied says whether they were taken. */
    options?: Record<string, string>;
  };
  /** Sent once, when an instance is Ready for the first time. It does not wake an agent: with mode OnDemand it is sent when another message arrives. */
  prompt?: string;
  /** What it can do, in words; other agents see it in their list of peers. */
  capabilities?: string[];
  /** What it may do to other agents of its namespace. None: nothing. Peers: list them and send them messages. Manage: also apply, start, stop and remove them; with that it can run anything that its own Runtime allows, with every Secret of its namespace. */
  fleetAccess: 'None' | 'Peers' | 'Manage';
  /** How the agent's requests to use a tool are decided. Absent: each request waits for approval, as with default Ask, and an agent that does not ask is not stopped. */
  permissions?: {
    /** For every tool kind without a rule. Ask: the request waits for approval, see agentctl get approvals. */
    default: 'Allow' | 'Deny' | 'Ask';
    /** What holds for one kind of tool. */
    rules?: Array<{
      /** The kind as the Agent Client Protocol names it. */
      toolKind: 'read' | 'edit' | 'delete' | 'move' | 'search' | 'execute' | 'think' | 'fetch' | 'switch_mode' | 'other';
      /** What is done. */
      action: 'Allow' | 'Deny' | 'Ask';
    }>;
    /** Not decided for this long: denied. */
    timeout: Duration;
    /** What to do with an agent that uses tools without asking, so that Deny and Ask cannot be enforced. Refuse: do not run it. Accept: run it, and report it in the condition PermissionsEnforced. */
    unenforced: 'Refuse' | 'Accept';
  };
  /** How instances share conversations. */
  conversations: {
    /** How many conversations an instance works on at the same time. Those that are idle do not count. */
    perInstance: number;
    /** A conversation without a message for this long is closed. 0s: never. */
    idleTTL: Duration;
    /** What follows when the agent's context is full. Keep: the agent's own affair. New: the next message begins a new session. */
    onContextFull: 'Keep' | 'New';
  };
  /** Prompts that are sent by the clock. */
  schedule?: Array<{
    /** Names the entry. */
    name: Name;
    cron?: Cron;
    /** The time between two prompts, as in 30m. The first is sent that long after the entry was added or changed. */
    every?: Duration;
    timezone: Timezone;
    /** What is sent. */
    message: string;
    /** True: not sent, and not made up for later. */
    suspend: boolean;
    /** After the controller was away: sent once for any number of times that were missed. */
    catchUp: boolean;
    /** While the previous prompt has not ended: Skip sends none, Queue waits. */
    overlap: 'Skip' | 'Queue';
    /** Whether each prompt begins a new conversation, or all are in the same one. */
    conversation: 'New' | 'Same';
  }>;
  /** When an instance is Ready. Absent: while it runs; with a protocol also: once it can be talked to. */
  readiness?: Probe;
  /** An instance that fails this is restarted. Checked once the run has been Ready, or startDeadline has passed. */
  liveness?: Probe;
  /** How long a start must hold before it counts as Ready. */
  minReady: Duration;
  /** Not Ready this long after its start: the start has failed. */
  startDeadline: Duration;
  /** How many old Revisions are kept. */
  revisionHistoryLimit: number;
  /** From which instances are made. */
  template: {
    /** The container image. Absent: a process of the host. */
    image?: string;
    /** When the image is pulled. The default is Always for the tag latest, else IfNotPresent. */
    imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
    /** The program, in place of the image's entrypoint. Required where there is no image. $(NAME) is a variable of the environment, $$ is one $. */
    command?: string[];
    /** The program's arguments. $(NAME) is a variable of the environment, $$ is one $. */
    args?: string[];
    /** Environment variables. */
    env?: Array<{
      /** The variable's name. */
      name: string;
      /** Its value. $(NAME) is a variable that stands before it, $$ is one $. */
      value?: string;
      /** Where the value comes from. Exactly one of the two. */
      valueFrom?: {
        secretKeyRef?: KeyRef;
        configMapKeyRef?: KeyRef;
      };
    }>;
    /** Every key of a Secret or ConfigMap as a variable. */
    envFrom?: Array<{
      /** Put before each key. */
      prefix?: string;
      /** A Secret of the same namespace. */
      secretRef?: {
        /** The Secret's name. */
        name: string;
        /** Continue without it. */
        optional: boolean;
      };
      /** A ConfigMap of the same namespace. */
      configMapRef?: {
        /** The ConfigMap's name. */
        name: string;
        /** Continue without it. */
        optional: boolean;
      };
    }>;
    /** Files that the instance finds. */
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
    /** The working directory. For a process the default is a folder of its own; with a user other than the controller's, name a folder that this user may enter. */
    workingDir?: string;
    /** What can be mounted. */
    volumes?: Array<{
      /** The name that volumeMounts use. */
      name: Name;
      /** A path of the host. It must exist, and the Runtime must allow it. */
      hostPath?: {
        /** An absolute path. */
        path: string;
      };
      /** A volume that the Runtime keeps, over every replacement. */
      named?: {
        /** Its name in the Runtime, which must be in the Runtime's allow.volumes. Absent: <namespace>_<agent>_<name>, which is this Agent's own. */
        volumeName?: string;
        /** One for each instance, by its ordinal. */
        perInstance: boolean;
      };
      /** Memory that ends with the run. */
      tmpfs?: {
        /** At most this much, as in 64Mi. */
        sizeLimit?: string;
      };
      /** A file for each key of a Secret. */
      secret?: {
        /** The Secret's name. */
        secretName: string;
        /** Continue without it. */
        optional: boolean;
      };
      /** A file for each key of a ConfigMap. */
      configMap?: {
        /** The ConfigMap's name. */
        name: string;
        /** Continue without it. */
        optional: boolean;
      };
    }>;
    /** Where volumes are mounted. */
    volumeMounts?: Array<{
      /** A volume's name. */
      name: string;
      /** An absolute path in the container. */
      mountPath: string;
      /** Mounted to be read only. */
      readOnly: boolean;
    }>;
    /** What an instance may use. */
    resources?: {
      /** Upper bounds. */
      limits?: {
        cpu?: Cores;
        memory?: Bytes;
        /** Processes and threads. */
        pids?: number;
      };
      /** What an instance is to have where the host is short of it. An engine of containers takes it as a share of the processors and a soft limit of memory; a process ignores it. */
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
    /** Only volumes can be written. */
    readOnlyRootFilesystem: boolean;
    /** What the instance may do beyond a plain program. All capabilities are dropped unless added here. */
    security?: {
      /** Linux capabilities. */
      capabilities?: {
        /** Added, as in NET_BIND_SERVICE; ALL is all. They must be in the Runtime's allow.capabilities. */
        add?: string[];
      };
      /** False sets no-new-privileges. */
      allowPrivilegeEscalation: boolean;
      /** All the rights of the host. The Runtime must have allow.privileged. */
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
        /** The port inside. */
        containerPort: number;
        /** The port on the host. Absent: any free one. */
        hostPort?: number;
        /** The address on the host. One beyond loopback must be in the Runtime's allow.hostIPs. */
        hostIP: string;
        /** The transport. */
        protocol: 'TCP' | 'UDP';
      }>;
    };
  };
}

/** What follows from the instances. Written by the controller. */
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
  /** The best place of a waiting instance in its Runtime's queue. */
  queue?: string;
  /** What happens next without a change. */
  nextAction?: string;
  /** When it happens. */
  nextAt?: string;
  /** The Revision that all instances last ran Ready. */
  currentRevision?: string;
  /** The newest Revision. */
  updateRevision?: string;
  /** The label selector of the instances. */
  selector?: string;
  /** Accepted: the spec is valid. Progressing: a change is in progress. Ready: all desired instances are Ready, or sleep until a message arrives. Reconciling, Stalled: as kstatus has them; absent where all is normal. Drifted: a run differs from the spec and waits. PermissionsEnforced, SystemPromptApplied, ModelApplied, SessionModeApplied, SessionOptionsApplied, FleetAccessible: whether the agent takes what the spec asks for. */
  conditions?: Condition[];
}

/** The desired state of an agent: what to run, how it talks, which Policy governs it. */
export interface Agent {
  /** Always agentctl.dev/v1. */
  apiVersion: 'agentctl.dev/v1';
  /** Always Agent. */
  kind: 'Agent';
  metadata: ObjectMeta;
  /** What should run. */
  spec: AgentSpec;
  /** What follows from the instances. Written by the controller. */
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
  /** The tool call in the agent's words, which may be those of a model. */
  title: string;
  /** What the tool would do, by its input: the command, the path and the change, or the address. The title where the input says nothing. */
  request: string;
  /** The kind of the tool. */
  toolKind: string;
  /** What the tool would be given, as JSON. */
  input?: string;
  /** What the agent takes as an answer. agentctl approve takes the first allow_once, else the first allow_always; agentctl deny likewise. */
  options?: Array<{
    /** How the agent calls it. */
    id: string;
    /** The option in words. */
    name: string;
    /** allow_always, reject_always: the agent does not ask again for what it takes to be the same. */
    kind: 'allow_once' | 'allow_always' | 'reject_once' | 'reject_always';
  }>;
  /** When it is denied automatically. */
  expiresAt?: string;
}

/** What was decided. */
export interface ApprovalStatus {
  /** Pending: waits for a decision. Expired: nobody decided before the timeout, or before the message ended. Cancelled: the message was cancelled, or the run ended. */
  state?: 'Pending' | 'Approved' | 'Denied' | 'Expired' | 'Cancelled';
  /** Who decided: a user, or spec.permissions where a change of the Agent's permissions did. */
  by?: string;
  /** Why, where no person decided. */
  message?: string;
  /** The id of the option that was answered. */
  option?: string;
  /** When. */
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

/** With whom. */
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
  /** The Instance that it stays with. */
  instance?: string;
  /** The session of the protocol. */
  session?: string;
  /** Messages of it that are kept. */
  messages?: number;
  /** Tokens that it has used so far; ? where the agent does not say, and 1200+? where it does not say of all turns. */
  tokens?: string;
  /** What it has cost so far; ? and +? as in tokens. */
  cost?: string;
  /** When its last message came or ended. */
  activeAt?: string;
}

/** One thread with an Agent. */
export interface Conversation {
  /** Always subresources.agentctl.dev/v1. */
  apiVersion: 'subresources.agentctl.dev/v1';
  /** Always Conversation. */
  kind: 'Conversation';
  metadata: ObjectMeta;
  /** With whom. */
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
    /** The part that is meant. */
    fieldPath?: string;
  };
  /** Why, in one word. */
  reason?: string;
  /** What happened, in a sentence. */
  message?: string;
  /** Normal or Warning. */
  type?: string;
  /** How often. */
  count?: number;
  /** The first time. */
  firstTimestamp?: string;
  /** The last time. */
  lastTimestamp?: string;
  /** When it was first seen. */
  eventTime?: string;
  /** Another object that it is about. Events of an Instance name its Agent, and are found there too. */
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
    /** The part that is meant. */
    fieldPath?: string;
  };
  /** What was done. */
  action?: string;
  /** Who tells. */
  source?: {
    /** The part. */
    component?: string;
    /** The host. */
    host?: string;
  };
  /** The controller that tells. */
  reportingComponent?: string;
  /** Which of them. */
  reportingInstance?: string;
}

/** Whose place it is. */
export interface InstanceSpec {
  /** The Agent's name. */
  agentName: string;
  /** The Agent's uid. */
  agentUID: string;
  /** The number in its name, from 0. */
  ordinal: number;
  /** The Runtime that it runs on. */
  runtimeRef: LocalRef;
}

/** The state of the copy. Written by the controller. */
export interface InstanceStatus {
  /** The Agent's generation that this verdict is about. */
  observedGeneration?: number;
  /** Where it stands. */
  phase?: 'Pending' | 'Starting' | 'Ready' | 'Unready' | 'Stopping' | 'BackOff' | 'Asleep' | 'Completed' | 'Failed' | 'Stopped' | 'Unknown';
  /** Why, in one word. */
  reason?: string;
  /** Why, in a sentence that tells what to do. */
  message?: string;
  /** The newest start. It is written before the start is carried out: without startedAt it is an intent. */
  run?: {
    /** Counts from 1, never goes back. */
    number: number;
    /** The Revision that it was started from. */
    revision: string;
    /** When the intent was written. */
    claimedAt: string;
    /** Why it was started; the Event's reason. */
    cause?: string;
    /** The container id or the process. */
    ref?: string;
    /** When it started, exactly as the Runtime tells it. */
    startedAt?: string;
    /** Whether the container was made for this run, or started again. */
    startedBy?: 'Create' | 'Restart';
    /** The id of the image that it runs. */
    image?: string;
    /** The Secrets and ConfigMaps that it was started with, each as an HMAC of its data. */
    inputs?: Record<string, string>;
    /** What stood there before. A start that differs from it is this run's. */
    previous?: {
      /** The container id or the process. */
      ref?: string;
      /** When it had started. */
      startedAt?: string;
    };
  };
  /** Restarts so far, for any cause but the first start and to be woken by a message. */
  restartCount?: number;
  /** Failures in a row. */
  failures?: number;
  /** When it was restarted after a failure or an exit, within Policy.restart.window. */
  restartTimes?: string[];
  /** No start before this. */
  backoffUntil?: string;
  /** The exit that backoffUntil counts from, to clamp the wait after a clock jump. */
  backoffFrom?: string;
  /** Since when it has been Ready without a break. */
  readySince?: string;
  /** The next scheduled restart. */
  nextRestartAt?: string;
  /** The schedule that nextRestartAt was computed from. */
  scheduleKey?: string;
  /** Since when a scheduled restart has been due, waiting for idleness. */
  restartDueSince?: string;
  /** Since when its run has differed from the spec in a field that forces a restart. */
  outdatedSince?: string;
  /** A stop that is under way. */
  stop?: {
    /** The run that is meant. */
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
    /** What follows. */
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
    /** When it had started. */
    startedAt?: string;
    /** When it ended, by the Runtime's clock. */
    finishedAt: string;
    /** Who ended it: itself, a stop of ours, the Runtime (restart, reboot), it was gone, or it never began. */
    cause: 'Agent' | 'Stop' | 'Runtime' | 'Lost' | 'StartFailed';
    /** What the Runtime said. */
    message?: string;
  };
  /** How the last action ended. */
  lastOutcome?: {
    /** Which action. */
    action: string;
    /** The run that it meant. */
    run: number;
    /** When it ended. */
    at: string;
    /** NotStartable: something named is missing, no failure is counted. */
    result: 'Succeeded' | 'Retryable' | 'Terminal' | 'NotStartable';
    /** One word. */
    reason?: string;
    /** What went wrong and what to do. */
    message?: string;
    /** Of the things that were missing; the start is tried again when it changes. */
    fingerprint?: string;
    /** Of a start that lacks something: not tried again before, as a registry asks. */
    retryAt?: string;
    /** How often in a row. */
    count?: number;
  };
  /** The agentctl.dev/resume annotation that was last handled. */
  resumedAt?: string;
  /** Its place among those that wait for the Runtime. */
  queue?: {
    /** 1 is next. */
    position: number;
    /** Since when it waits. */
    since: string;
  };
  /** Ready, and Drifted with the fields that differ. */
  conditions?: Condition[];
}

/** One place for a running copy of an Agent. Made and owned by the controller; holds all durable state of that copy. */
export interface Instance {
  /** Always agentctl.dev/v1. */
  apiVersion: 'agentctl.dev/v1';
  /** Always Instance. */
  kind: 'Instance';
  metadata: ObjectMeta;
  /** Whose place it is. */
  spec: InstanceSpec;
  /** The state of the copy. Written by the controller. */
  status?: InstanceStatus;
}

/** What was sent. */
export interface MessageSpec {
  /** The Agent that it is for. */
  agentRef: LocalRef;
  /** Chat: of a person. Route: of another agent. Scheduled, Prompt: of the Agent's own spec. */
  kind: 'Chat' | 'Route' | 'Scheduled' | 'Prompt';
  /** Who sent it, as in user:ann, agent:default/reviewer or schedule:nightly. */
  from: string;
  /** The Conversation that it belongs to. */
  conversation: string;
  /** What the agent is told. */
  text: string;
  /** The sender's idempotency key. */
  key?: string;
  /** How many agents it has passed. */
  hops?: number;
  /** The message in whose turn it was sent. */
  parent?: string;
  /** When it is broken off. */
  expiresAt?: string;
}

/** What became of it. */
export interface MessageStatus {
  /** Pending: it waits for an instance. Delivered: an instance has received it. Acknowledged: the instance has confirmed it. The others are final. */
  state?: 'Pending' | 'Delivered' | 'Acknowledged' | 'Completed' | 'Failed' | 'Expired';
  /** Why it failed or expired, in one word. */
  reason?: string;
  /** Why, in a sentence. */
  message?: string;
  /** How often it was delivered. */
  attempts?: number;
  /** The Instance that has or had it. */
  instance?: string;
  /** The run of it. */
  run?: number;
  /** The text of the answer, once it is final. */
  answer?: string;
  /** Why the agent ended its turn, in its own words. */
  stopReason?: string;
  /** Tokens that the turn used; ? where the agent does not say, and 1200+? where it does not say of all turns. */
  tokens?: string;
  /** What the turn cost; ? and +? as in tokens. */
  cost?: string;
  /** When it was last delivered. */
  deliveredAt?: string;
  /** When it ended. */
  endedAt?: string;
}

/** One delivery to an Agent: a chat, a question of another agent, a scheduled prompt. Kept in the journal; sent by agentctl send. */
export interface Message {
  /** Always subresources.agentctl.dev/v1. */
  apiVersion: 'subresources.agentctl.dev/v1';
  /** Always Message. */
  kind: 'Message';
  metadata: ObjectMeta;
  /** What was sent. */
  spec: MessageSpec;
  /** What became of it. */
  status?: MessageStatus;
}

/** Its finalizers. */
export interface NamespaceSpec {
  /** Who has work to do before it may go. */
  finalizers?: string[];
}

/** Written by the server. */
export interface NamespaceStatus {
  /** Terminating while what is in it is being deleted. */
  phase?: 'Active' | 'Terminating';
}

/** A room for names. As in Kubernetes core/v1. */
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
  /** What holds for the mode OnDemand. */
  onDemand: {
    /** Without a message this long: stop. 0s: never. */
    keepalive: Duration;
  };
  /** Whether an ended instance is started again. */
  restart: {
    /** OnFailure: exit 0 completes the instance. Never: any exit ends it. */
    on: 'Always' | 'OnFailure' | 'Never';
    /** At most this many restarts within the window; when one more is needed the instance is Failed until a new spec or agentctl resume. Absent: no limit. */
    maxRestarts?: number;
    /** The time in which maxRestarts counts. */
    window: Duration;
  };
  /** The delay before a restart. */
  backoff: {
    /** The delay before restart n in a row; the last one repeats. */
    schedule: Duration[];
    /** A fraction of the delay that is added at most; taken from a hash of uid and failures, so the same for the same failure. */
    jitter: number;
    /** Ready this long without a break: the failures are forgotten. */
    resetAfter: Duration;
  };
  /** Restarts by the clock. Exactly one of cron and every. */
  scheduledRestart?: {
    cron?: Cron;
    timezone: Timezone;
    /** The age of a run at which it is restarted. */
    every?: Duration;
    /** A due restart waits until the instance has been idle this long. Without a protocol it has no turns, and is idle at any time. */
    whenIdleFor: Duration;
    /** A restart that has been due this long happens though the instance is busy. Absent: never. */
    forceAfter?: Duration;
    /** Adds up to this much to each due time, by a hash of the uid, so that a fleet does not restart at once. */
    jitter: Duration;
    /** After the controller was away: one restart for any number of missed ones. */
    catchUp: boolean;
  };
  /** How a changed spec reaches running instances. */
  update: {
    /** Rolling replaces an instance when its turn ends, WhenIdle after idleFor, OnDelete when it is deleted. */
    strategy: 'Rolling' | 'WhenIdle' | 'OnDelete';
    /** How long an instance is idle before WhenIdle replaces it. */
    idleFor: Duration;
    /** An update that has waited this long happens though the instance is busy. Absent: never. */
    forceAfter?: Duration;
    /** How many instances may be down for the update at once. */
    maxUnavailable: number;
    /** No progress for this long: the condition Progressing is False. */
    progressDeadline: Duration;
    /** Go back to the last revision that was Ready when progressDeadline passes. */
    autoRevert: boolean;
  };
  /** What else replaces an instance, by the update strategy. */
  restartOn: Array<'ImageUpdate' | 'SecretChange' | 'ControllerUpgrade'>;
  /** How often ImageUpdate looks for a newer image. */
  imageInterval: Duration;
  /** How an instance is stopped. */
  stop: {
    /** From the signal to SIGKILL. */
    gracePeriod: Duration;
    /** The signal that asks the instance to stop. Absent: the image's STOPSIGNAL, else SIGTERM. */
    signal?: string;
    /** Who gets the signal: the main process, or its process group. At the end of the grace period SIGKILL goes to all processes. */
    signalScope: 'Main' | 'Group';
  };
  /** Who goes first when a Runtime is full: the higher. */
  priority: number;
  /** What becomes of messages. */
  messages: {
    /** How often a message is delivered at most; then it fails. Deliveries that a stop by agentctl cuts short do not count. */
    maxAttempts: number;
    /** Not ended this long after it was sent: it is broken off, and expires. */
    timeout: Duration;
    /** The agent is silent this long while it works on a message: broken off, and failed. Time in which a tool call is open does not count. */
    inactivityTimeout: Duration;
    /** How many messages of an Agent may wait; more are refused. */
    queueDepth: number;
    /** What becomes of a message whose turn a crash cuts short once it has had an effect. Resume: the session is loaded again, and the agent is told to check and finish. Retry: it is sent again with the same id. Fail. The default is Resume for acp, Retry for jsonl. */
    onInterrupted?: 'Resume' | 'Retry' | 'Fail';
  };
  /** Whom to tell of Events. */
  notify: Array<{
    /** Names the entry in Events. */
    name: string;
    /** Event reasons, as in BackOff or MessageFailed; "*" is all of them. */
    reasons: string[];
    /** The Event is sent there as JSON by POST; up to four times again with backoff, where that fails. */
    webhook?: {
      /** Where to. */
      url: string;
      /** Headers of the request, as for a login. */
      headers?: Array<{
        /** The header's name, as in Authorization. */
        name: string;
        /** Its value as it stands. */
        value?: string;
        secretKeyRef?: KeyRef;
      }>;
    };
    /** Run on the host of the controller, with the Event as JSON on its standard input. */
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

/** One recorded spec of an Agent, never changed, as Kubernetes' ControllerRevision is. Made by the controller. */
export interface Revision {
  /** Always agentctl.dev/v1. */
  apiVersion: 'agentctl.dev/v1';
  /** Always Revision. */
  kind: 'Revision';
  metadata: ObjectMeta;
  /** Counts the specs of the Agent. */
  revision: number;
  /** The Agent's spec as it was. */
  data: Record<string, unknown>;
  /** An HMAC of each Secret and ConfigMap that the spec names, by Kind/name, never a value. */
  inputs?: Record<string, string>;
}

/** How to reach it and how much it takes. */
export interface RuntimeSpec {
  /** The sort of Runtime. Podman is docker at Podman's socket. */
  driver: 'docker' | 'process';
  /** Where the engine listens: unix:///run/docker.sock, tcp://host:2376, ssh://user@host. Not for process. */
  endpoint?: string;
  /** A Secret with ca.crt, tls.crt and tls.key, for tcp. */
  tlsSecretRef?: SecretRef;
  /** The Runtime of Agents that have an image and name no Runtime. */
  default: boolean;
  /** Instances at once. Absent: no limit. */
  maxConcurrent?: number;
  /** Starts at once. Absent: no limit. */
  maxStarting?: number;
  /** Those that wait for a place. */
  queue: {
    /** More than this wait with the reason QueueFull. Absent: no limit. */
    maxDepth?: number;
  };
  /** Stops starts while everything fails. */
  circuitBreaker: {
    /** Failed starts in a row that open it. Those of one Agent in a row count once, unless it is alone. 0: never. */
    failureThreshold: number;
    /** Open this long; then one start is tried. */
    cooldown: Duration;
  };
  /** Namespaces whose Agents may run here. Absent: all. */
  allowedNamespaces?: string[];
  /** Folders of the host that may be mounted, including their subfolders. None by default. */
  allowHostPaths: string[];
  /** What Agents may use of this host, of the engine and of each other. Nothing by default. */
  allow: {
    /** security.privileged: all rights of the host. */
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
    /** Driver process: whether Agents, and commands of Policy.notify, may run as the controller's own user, who can open its socket. Absent: only those without an author. */
    controllerUser?: boolean;
  };
}

/** What the controller knows of it. */
export interface RuntimeStatus {
  /** The generation that this status is about. */
  observedGeneration?: number;
  /** The engine's name and version. */
  version?: string;
  /** Instances that hold a place. */
  running?: number;
  /** Instances that wait for a place. */
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

/** Where instances run: one Docker or Podman engine, or this host's processes. */
export interface Runtime {
  /** Always agentctl.dev/v1. */
  apiVersion: 'agentctl.dev/v1';
  /** Always Runtime. */
  kind: 'Runtime';
  metadata: ObjectMeta;
  /** How to reach it and how much it takes. */
  spec: RuntimeSpec;
  /** What the controller knows of it. */
  status?: RuntimeStatus;
}

/** Confidential values, such as keys and tokens. As in Kubernetes core/v1. */
export interface Secret {
  /** Always v1. */
  apiVersion: 'v1';
  /** Always Secret. */
  kind: 'Secret';
  metadata: ObjectMeta;
  /** What it is for. */
  type: string;
  /** True forbids changes of the data. */
  immutable?: boolean;
  /** Values in base64. */
  data?: Record<string, string>;
  /** Values as they are; the server moves them to data. */
  stringData?: Record<string, string>;
}

/** Where the manifests are, how often they are looked at, and what they may do. */
export interface SyncSpec {
  /** Where the manifests are. Exactly one of git and directory. */
  source: {
    /** A Git repository. The system's git fetches it, without the configuration of any user. */
    git?: {
      /** https://host/path, ssh://user@host/path, user@host:path or file:///path. Credentials stand in secretRef, never here. */
      url: string;
      /** The branch to follow. At most one of branch, tag and commit; with none of them the branch that the repository's HEAD names. */
      branch?: string;
      /** The tag to follow. When the tag is moved, the objects are updated. */
      tag?: string;
      /** The one commit to apply. */
      commit?: string;
      /** The folder in the repository, with all below it. With a kustomization.yaml it is rendered by kustomize. */
      path: string;
      /** Files to read, as globs below path. Names that begin with a dot are never read. */
      include: string[];
      /** Files and folders to leave out, as the lines of a .gitignore in path: old leaves out each file and folder of that name, /old the one in path itself, *.draft.yaml all files like it, and !keep takes back what an earlier line leaves out. */
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
        /** A Secret whose key token is the one that the webhook was set up with: GitHub's and Gitea's secret, GitLab's token. */
        secretRef: LocalRef;
      };
    };
    /** A folder of the controller's host. It is watched, and looked at each interval as well. */
    directory?: {
      /** The folder, with all below it. With a kustomization.yaml it is rendered by kustomize. */
      path: string;
      /** Files to read, as globs below path. Names that begin with a dot are never read. */
      include: string[];
      /** Files and folders to leave out, as the lines of a .gitignore in path: old leaves out each file and folder of that name, /old the one in path itself, *.draft.yaml all files like it, and !keep takes back what an earlier line leaves out. */
      ignore: string[];
    };
  };
  /** How often the source is looked at, and the objects are compared with it; 1s to 720h. A failure is tried again sooner, then later and later, up to this. */
  interval: Duration;
  /** The interval is longer by up to this fraction, so that many Syncs do not ask at once. */
  jitter: number;
  /** How long one look at the source may take; 1s to 1h. */
  timeout: Duration;
  /** True looks at nothing and applies nothing, but for an agentctl sync NAME. */
  suspend: boolean;
  /** Delete objects that this Sync applied and that the manifests no longer name. An object with the annotation agentctl.dev/prune: disabled stays. */
  prune: boolean;
  /** A revision that would delete more than this share of the inventory waits for agentctl approve. 100: none waits. */
  maxPrunePercent: number;
  /** Repair fields of the manifests that were changed in the API. False: only report them. Fields that other managers apply are never taken over. */
  selfHeal: boolean;
  /** The one namespace of the objects; a manifest that names another is refused. Absent: the Sync's own. */
  targetNamespace?: Name;
  /** Kinds that the manifests may hold. Whoever may push can do all that these kinds can: a Runtime may allow host paths, and so on. */
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
  /** A digest of what the spec says of which manifests are applied, and where, as it was then. */
  appliedSpec?: string;
  /** The revision that was tried last. */
  attempted?: {
    /** The commit, or a hash of the folder. */
    revision: string;
    /** When it was first tried. */
    at?: string;
  };
  /** Failed looks in a row; the wait grows with them. */
  failures?: number;
  /** When it is tried again after a failure. */
  retryAt?: string;
  /** The agentctl.dev/sync-requested annotation that was last handled. */
  lastHandledRequest?: string;
  /** How many objects are in the inventory. */
  objects?: number;
  /** What was taken in the revision that is applied, and can hardly be meant: a pattern of include or ignore that matches nothing, a field that the server sets. */
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
    /** Kept: no longer in the manifests, and left all the same. */
    change: 'Created' | 'Configured' | 'Pruned' | 'Kept';
    /** The fields that changed, as agentctl diff prints them; or why it was kept. */
    fields?: string[];
  }>;
  /** The revision that changes are of. */
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
    /** Which. */
    revision: string;
    /** How many objects it would delete. */
    deletes: number;
    /** How many are in the inventory. */
    of?: number;
    /** Which, as agent/web; the first twenty. */
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
  /** Where the manifests are, how often they are looked at, and what they may do. */
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
