// Written by `make generate` from schemas/. Do not edit.
export const facts = [
  {
    "group": "agentctl.dev",
    "version": "v1",
    "kind": "Agent",
    "plural": "agents",
    "singular": "agent",
    "shortNames": [
      "ag"
    ],
    "verbs": null,
    "namespaced": true,
    "hasStatus": true,
    "scale": {
      "specReplicasPath": ".spec.replicas",
      "statusReplicasPath": ".status.replicas",
      "labelSelectorPath": ".status.selector"
    },
    "columns": [
      {
        "priority": 0,
        "name": "Ready",
        "type": "string",
        "jsonPath": ".status.readyReplicas"
      },
      {
        "priority": 0,
        "name": "Phase",
        "type": "string",
        "jsonPath": ".status.phase"
      },
      {
        "priority": 0,
        "name": "Reason",
        "type": "string",
        "jsonPath": ".status.reason"
      },
      {
        "priority": 0,
        "name": "Restarts",
        "type": "integer",
        "jsonPath": ".status.restartCount"
      },
      {
        "priority": 0,
        "name": "Queue",
        "type": "string",
        "jsonPath": ".status.queue"
      },
      {
        "priority": 0,
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp"
      },
      {
        "priority": 1,
        "name": "Next",
        "type": "string",
        "jsonPath": ".status.nextAction"
      },
      {
        "priority": 1,
        "name": "Runtime",
        "type": "string",
        "jsonPath": ".status.runtime"
      },
      {
        "priority": 1,
        "name": "Revision",
        "type": "string",
        "jsonPath": ".status.updateRevision"
      },
      {
        "priority": 1,
        "name": "Policy",
        "type": "string",
        "jsonPath": ".spec.policyRef.name"
      },
      {
        "priority": 1,
        "name": "Image",
        "type": "string",
        "jsonPath": ".spec.template.image"
      }
    ]
  },
  {
    "group": "subresources.agentctl.dev",
    "version": "v1",
    "kind": "Approval",
    "plural": "approvals",
    "singular": "approval",
    "shortNames": [],
    "verbs": [
      "get",
      "list",
      "watch"
    ],
    "namespaced": true,
    "hasStatus": false,
    "scale": null,
    "columns": [
      {
        "priority": 0,
        "name": "Agent",
        "type": "string",
        "jsonPath": ".spec.agentRef.name"
      },
      {
        "priority": 0,
        "name": "State",
        "type": "string",
        "jsonPath": ".status.state"
      },
      {
        "priority": 0,
        "name": "Tool",
        "type": "string",
        "jsonPath": ".spec.toolKind"
      },
      {
        "priority": 0,
        "name": "Request",
        "type": "string",
        "jsonPath": ".spec.request"
      },
      {
        "priority": 0,
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp"
      },
      {
        "priority": 1,
        "name": "Title",
        "type": "string",
        "jsonPath": ".spec.title"
      },
      {
        "priority": 1,
        "name": "By",
        "type": "string",
        "jsonPath": ".status.by"
      },
      {
        "priority": 1,
        "name": "Message",
        "type": "string",
        "jsonPath": ".spec.message"
      },
      {
        "priority": 1,
        "name": "Conversation",
        "type": "string",
        "jsonPath": ".spec.conversation"
      }
    ]
  },
  {
    "group": "",
    "version": "v1",
    "kind": "ConfigMap",
    "plural": "configmaps",
    "singular": "configmap",
    "shortNames": [
      "cm"
    ],
    "verbs": null,
    "namespaced": true,
    "hasStatus": false,
    "scale": null,
    "columns": [
      {
        "priority": 0,
        "name": "Data",
        "type": "integer",
        "jsonPath": ".data"
      },
      {
        "priority": 0,
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp"
      }
    ]
  },
  {
    "group": "subresources.agentctl.dev",
    "version": "v1",
    "kind": "Conversation",
    "plural": "conversations",
    "singular": "conversation",
    "shortNames": [
      "conv"
    ],
    "verbs": [
      "get",
      "list",
      "watch"
    ],
    "namespaced": true,
    "hasStatus": false,
    "scale": null,
    "columns": [
      {
        "priority": 0,
        "name": "Agent",
        "type": "string",
        "jsonPath": ".spec.agentRef.name"
      },
      {
        "priority": 0,
        "name": "State",
        "type": "string",
        "jsonPath": ".status.state"
      },
      {
        "priority": 0,
        "name": "Instance",
        "type": "string",
        "jsonPath": ".status.instance"
      },
      {
        "priority": 0,
        "name": "Messages",
        "type": "integer",
        "jsonPath": ".status.messages"
      },
      {
        "priority": 0,
        "name": "Tokens",
        "type": "string",
        "jsonPath": ".status.tokens"
      },
      {
        "priority": 0,
        "name": "Cost",
        "type": "string",
        "jsonPath": ".status.cost"
      },
      {
        "priority": 0,
        "name": "Active",
        "type": "date",
        "jsonPath": ".status.activeAt"
      },
      {
        "priority": 0,
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp"
      },
      {
        "priority": 1,
        "name": "Session",
        "type": "string",
        "jsonPath": ".status.session"
      }
    ]
  },
  {
    "group": "",
    "version": "v1",
    "kind": "Event",
    "plural": "events",
    "singular": "event",
    "shortNames": [
      "ev"
    ],
    "verbs": null,
    "namespaced": true,
    "hasStatus": false,
    "scale": null,
    "columns": [
      {
        "priority": 0,
        "name": "Last Seen",
        "type": "date",
        "jsonPath": ".lastTimestamp"
      },
      {
        "priority": 0,
        "name": "Type",
        "type": "string",
        "jsonPath": ".type"
      },
      {
        "priority": 0,
        "name": "Reason",
        "type": "string",
        "jsonPath": ".reason"
      },
      {
        "priority": 0,
        "name": "Object",
        "type": "string",
        "jsonPath": ".involvedObject.name"
      },
      {
        "priority": 0,
        "name": "Message",
        "type": "string",
        "jsonPath": ".message"
      },
      {
        "priority": 1,
        "name": "Count",
        "type": "integer",
        "jsonPath": ".count"
      }
    ]
  },
  {
    "group": "agentctl.dev",
    "version": "v1",
    "kind": "Instance",
    "plural": "instances",
    "singular": "instance",
    "shortNames": [
      "inst"
    ],
    "verbs": null,
    "namespaced": true,
    "hasStatus": true,
    "scale": null,
    "columns": [
      {
        "priority": 0,
        "name": "Phase",
        "type": "string",
        "jsonPath": ".status.phase"
      },
      {
        "priority": 0,
        "name": "Reason",
        "type": "string",
        "jsonPath": ".status.reason"
      },
      {
        "priority": 0,
        "name": "Run",
        "type": "integer",
        "jsonPath": ".status.run.number"
      },
      {
        "priority": 0,
        "name": "Restarts",
        "type": "integer",
        "jsonPath": ".status.restartCount"
      },
      {
        "priority": 0,
        "name": "Runtime",
        "type": "string",
        "jsonPath": ".spec.runtimeRef.name"
      },
      {
        "priority": 0,
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp"
      },
      {
        "priority": 1,
        "name": "Revision",
        "type": "string",
        "jsonPath": ".status.run.revision"
      },
      {
        "priority": 1,
        "name": "Ref",
        "type": "string",
        "jsonPath": ".status.run.ref"
      }
    ]
  },
  {
    "group": "subresources.agentctl.dev",
    "version": "v1",
    "kind": "Message",
    "plural": "messages",
    "singular": "message",
    "shortNames": [
      "msg"
    ],
    "verbs": [
      "get",
      "list",
      "watch"
    ],
    "namespaced": true,
    "hasStatus": false,
    "scale": null,
    "columns": [
      {
        "priority": 0,
        "name": "Agent",
        "type": "string",
        "jsonPath": ".spec.agentRef.name"
      },
      {
        "priority": 0,
        "name": "From",
        "type": "string",
        "jsonPath": ".spec.from"
      },
      {
        "priority": 0,
        "name": "State",
        "type": "string",
        "jsonPath": ".status.state"
      },
      {
        "priority": 0,
        "name": "Reason",
        "type": "string",
        "jsonPath": ".status.reason"
      },
      {
        "priority": 0,
        "name": "Attempts",
        "type": "integer",
        "jsonPath": ".status.attempts"
      },
      {
        "priority": 0,
        "name": "Conversation",
        "type": "string",
        "jsonPath": ".spec.conversation"
      },
      {
        "priority": 0,
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp"
      },
      {
        "priority": 1,
        "name": "Instance",
        "type": "string",
        "jsonPath": ".status.instance"
      },
      {
        "priority": 1,
        "name": "Tokens",
        "type": "string",
        "jsonPath": ".status.tokens"
      },
      {
        "priority": 1,
        "name": "Text",
        "type": "string",
        "jsonPath": ".spec.text"
      }
    ]
  },
  {
    "group": "",
    "version": "v1",
    "kind": "Namespace",
    "plural": "namespaces",
    "singular": "namespace",
    "shortNames": [
      "ns"
    ],
    "verbs": null,
    "namespaced": false,
    "hasStatus": true,
    "scale": null,
    "columns": [
      {
        "priority": 0,
        "name": "Status",
        "type": "string",
        "jsonPath": ".status.phase"
      },
      {
        "priority": 0,
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp"
      }
    ]
  },
  {
    "group": "agentctl.dev",
    "version": "v1",
    "kind": "Policy",
    "plural": "policies",
    "singular": "policy",
    "shortNames": [
      "pol"
    ],
    "verbs": null,
    "namespaced": true,
    "hasStatus": false,
    "scale": null,
    "columns": [
      {
        "priority": 0,
        "name": "Mode",
        "type": "string",
        "jsonPath": ".spec.mode"
      },
      {
        "priority": 0,
        "name": "Restart",
        "type": "string",
        "jsonPath": ".spec.restart.on"
      },
      {
        "priority": 0,
        "name": "Update",
        "type": "string",
        "jsonPath": ".spec.update.strategy"
      },
      {
        "priority": 0,
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp"
      },
      {
        "priority": 1,
        "name": "Priority",
        "type": "integer",
        "jsonPath": ".spec.priority"
      }
    ]
  },
  {
    "group": "agentctl.dev",
    "version": "v1",
    "kind": "Revision",
    "plural": "revisions",
    "singular": "revision",
    "shortNames": [
      "rev"
    ],
    "verbs": null,
    "namespaced": true,
    "hasStatus": false,
    "scale": null,
    "columns": [
      {
        "priority": 0,
        "name": "Agent",
        "type": "string",
        "jsonPath": ".metadata.ownerReferences[0].name"
      },
      {
        "priority": 0,
        "name": "Revision",
        "type": "integer",
        "jsonPath": ".revision"
      },
      {
        "priority": 0,
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp"
      }
    ]
  },
  {
    "group": "agentctl.dev",
    "version": "v1",
    "kind": "Runtime",
    "plural": "runtimes",
    "singular": "runtime",
    "shortNames": [
      "rt"
    ],
    "verbs": null,
    "namespaced": false,
    "hasStatus": true,
    "scale": null,
    "columns": [
      {
        "priority": 0,
        "name": "Driver",
        "type": "string",
        "jsonPath": ".spec.driver"
      },
      {
        "priority": 0,
        "name": "Ready",
        "type": "string",
        "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"
      },
      {
        "priority": 0,
        "name": "Version",
        "type": "string",
        "jsonPath": ".status.version"
      },
      {
        "priority": 0,
        "name": "Running",
        "type": "integer",
        "jsonPath": ".status.running"
      },
      {
        "priority": 0,
        "name": "Queued",
        "type": "integer",
        "jsonPath": ".status.queued"
      },
      {
        "priority": 0,
        "name": "Breaker",
        "type": "string",
        "jsonPath": ".status.breaker.state"
      },
      {
        "priority": 0,
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp"
      },
      {
        "priority": 1,
        "name": "Endpoint",
        "type": "string",
        "jsonPath": ".spec.endpoint"
      }
    ]
  },
  {
    "group": "",
    "version": "v1",
    "kind": "Secret",
    "plural": "secrets",
    "singular": "secret",
    "shortNames": [],
    "verbs": null,
    "namespaced": true,
    "hasStatus": false,
    "scale": null,
    "columns": [
      {
        "priority": 0,
        "name": "Type",
        "type": "string",
        "jsonPath": ".type"
      },
      {
        "priority": 0,
        "name": "Data",
        "type": "integer",
        "jsonPath": ".data"
      },
      {
        "priority": 0,
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp"
      }
    ]
  },
  {
    "group": "agentctl.dev",
    "version": "v1",
    "kind": "Sync",
    "plural": "syncs",
    "singular": "sync",
    "shortNames": [],
    "verbs": null,
    "namespaced": true,
    "hasStatus": true,
    "scale": null,
    "columns": [
      {
        "priority": 0,
        "name": "Ready",
        "type": "string",
        "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"
      },
      {
        "priority": 0,
        "name": "Revision",
        "type": "string",
        "jsonPath": ".status.revision"
      },
      {
        "priority": 0,
        "name": "Synced",
        "type": "date",
        "jsonPath": ".status.appliedAt"
      },
      {
        "priority": 0,
        "name": "Message",
        "type": "string",
        "jsonPath": ".status.conditions[?(@.type==\"Ready\")].message"
      },
      {
        "priority": 0,
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp"
      },
      {
        "priority": 1,
        "name": "Reason",
        "type": "string",
        "jsonPath": ".status.conditions[?(@.type==\"Ready\")].reason"
      },
      {
        "priority": 1,
        "name": "Objects",
        "type": "integer",
        "jsonPath": ".status.objects"
      },
      {
        "priority": 1,
        "name": "Source",
        "type": "string",
        "jsonPath": ".spec.source.git.url"
      }
    ]
  }
] as const;
