import type { Runtime } from './objects.ts';

/**
 * What a driver can do with its instances, as data. The planner, the API and the command line ask this, never for the
 * name of the driver.
 */
export interface Capabilities {
  /** What an instance is. */
  noun: 'process' | 'container' | 'pod';
  /**
   * Whether an ended instance starts again with its file system and its log. Unchanged: with the environment and labels
   * that it was created with. Renewed: with those of the new run. False: a restart replaces it.
   */
  restartInPlace: 'Unchanged' | 'Renewed' | false;
  /** The Runtime itself runs the readiness and liveness checks: `Observed` has their results. */
  nativeProbes: boolean;
  /**
   * How the controller talks to a run. Durable: output is kept until it was read. Reattachable: the place in the output
   * is found again after a lost connection, but what was rotated away meanwhile is lost. None: not at all.
   */
  stdio: 'Durable' | 'Reattachable' | 'None';
  /** Instances run images. Otherwise the Runtime has none. */
  imageRequired: boolean;
  /** Instances receive any signal. Otherwise every signal is the Runtime's own request to stop. */
  signals: boolean;
  /**
   * What instances reach of the host. Direct: they are processes of one of its users. Granted: only what `spec.allow`
   * of the Runtime grants.
   */
  hostAccess: 'Direct' | 'Granted';
  /** `template.resources.limits` are enforced for a whole instance. */
  resources: boolean;
}

/** Every driver by its name in Runtime.spec. */
export const driverCapabilities = {
  docker: {
    noun: 'container',
    restartInPlace: 'Unchanged',
    nativeProbes: false,
    stdio: 'Reattachable',
    imageRequired: true,
    signals: true,
    hostAccess: 'Granted',
    resources: true,
  },
  process: {
    noun: 'process',
    restartInPlace: 'Renewed',
    nativeProbes: false,
    stdio: 'Durable',
    imageRequired: false,
    signals: true,
    hostAccess: 'Direct',
    resources: false,
  },
} as const satisfies Record<Runtime['spec']['driver'], Capabilities>;

export const capabilitiesOf = ({ driver }: Pick<Runtime['spec'], 'driver'>): Capabilities =>
  driverCapabilities[driver];
