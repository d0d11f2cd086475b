// Devices of GPU tests: each test runs in error scopes, and a device that goes must leave no buffer behind.
const kinds = ['validation', 'out-of-memory', 'internal'] as const;

interface Watched {
  readonly live: Set<GPUBuffer>;
  isScoped: boolean;
}
const devices = new Map<GPUDevice, Watched>();
/** What is known of a test so far; errors that a scope caught are told later. */
const complaints: (string | Promise<string[]>)[] = [];

function openScopes(): void {
  for (const [device, state] of devices) {
    if (!state.isScoped) for (const kind of kinds) device.pushErrorScope(kind);
    state.isScoped = true;
  }
}

/** Closes a device's scopes at once, so that what comes next, its end too, does not count. */
function closeScopes(device: GPUDevice, state: Watched): void {
  if (!state.isScoped) return;
  state.isScoped = false;
  const errors = kinds.map(() => device.popErrorScope());
  complaints.push(
    Promise.all(errors).then((all) =>
      all.flatMap((error) => (error ? [`${error.constructor.name}: ${error.message}`] : [])),
    ),
  );
}

/** Has every device that an adapter gives followed from its first call on. */
export function watch(adapter: GPUAdapter): GPUAdapter {
  const request = adapter.requestDevice.bind(adapter);
  adapter.requestDevice = async (descriptor) => {
    const device = await request(descriptor);
    const live = new Set<GPUBuffer>();
    const state = { live, isScoped: false };
    devices.set(device, state);
    const create = device.createBuffer.bind(device);
    device.createBuffer = (wanted) => {
      const buffer = create(wanted);
      live.add(buffer);
      const destroy = buffer.destroy.bind(buffer);
      buffer.destroy = () => {
        live.delete(buffer);
        return destroy();
      };
      return buffer;
    };
    const destroy = device.destroy.bind(device);
    device.destroy = () => {
      closeScopes(device, state);
      if (live.size > 0)
        complaints.push(`${live.size} buffers were alive when their device was destroyed`);
      devices.delete(device);
      return destroy();
    };
    openScopes();
    return device;
  };
  return adapter;
}

/** Before a test: errors of devices that are open already count for it. */
export const beginWatch = openScopes;

/** After a test: what WebGPU complained of since it began, and buffers that devices left. */
export async function endWatch(): Promise<string[]> {
  for (const [device, state] of devices) closeScopes(device, state);
  return (await Promise.all(complaints.splice(0))).flat();
}

/** After a file: the same, and every device must be gone. */
export async function endFile(): Promise<string[]> {
  const found = await endWatch();
  if (devices.size > 0)
    found.push(`${devices.size} devices were not destroyed; dispose of the engine`);
  devices.clear();
  return found;
}
