// The field: what the network answers over the plane, on a canvas of the worker.
import { type Engine, type Step, type Tensor, tensor } from '../../src/index.browser.js';
import shader from './field.wgsl?raw';
import { REACH } from './plane.js';
import type { Palette } from './protocol.js';

/** Answers along a side of the grid. */
export const SIDE = 100;

/** The middles of the grid's cells, [SIDE², 2], row by row from the bottom. */
export function gridPoints(): Tensor {
  const at = (i: number): number => REACH * ((2 * (i + 0.5)) / SIDE - 1);
  const places = new Float32Array(2 * SIDE * SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) places.set([at(i % SIDE), at(Math.floor(i / SIDE))], 2 * i);
  return tensor(places, [SIDE * SIDE, 2]);
}

/** A step whose output is the field, in logits. */
export interface FieldStep {
  readonly step: Step<{ logits: Tensor }>;
  readonly logits: Tensor;
}

export interface Field {
  readonly drawn: 'gpu' | 'values';
  palette: Palette;
  draw(field: FieldStep): Promise<void>;
}

/** By a render pass where the browser shows what WebGPU draws, else from values. */
export function makeField(
  engine: Engine,
  canvas: OffscreenCanvas,
  palette: Palette,
  canShow: boolean,
): Field {
  const device = engine.gpu?.device as GPUDevice | undefined;
  return device && canShow
    ? new GpuField(engine, device, canvas, palette)
    : new ValueField(canvas, palette);
}

class GpuField implements Field {
  readonly drawn = 'gpu';
  palette: Palette;
  readonly #engine: Engine;
  readonly #device: GPUDevice;
  readonly #context: GPUCanvasContext;
  readonly #pipeline: GPURenderPipeline;
  readonly #look: GPUBuffer;

  constructor(engine: Engine, device: GPUDevice, canvas: OffscreenCanvas, palette: Palette) {
    this.palette = palette;
    this.#engine = engine;
    this.#device = device;
    this.#context = canvas.getContext('webgpu')!;
    const format = navigator.gpu.getPreferredCanvasFormat();
    this.#context.configure({ device, format, alphaMode: 'opaque' });
    const module = device.createShaderModule({ code: shader });
    this.#pipeline = device.createRenderPipeline({
      layout: 'auto',
      vertex: { module, entryPoint: 'cover' },
      fragment: { module, entryPoint: 'shade', targets: [{ format }] },
    });
    this.#look = device.createBuffer({
      size: 64,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  async draw({ step, logits }: FieldStep): Promise<void> {
    await step.enqueue();
    const { bufferOf, offsetOf } = this.#engine.gpu!;
    const resource = {
      buffer: bufferOf(step, logits) as GPUBuffer,
      offset: offsetOf(step, logits),
    };
    const rows = this.palette.flatMap((colour) => [...colour, 1]);
    this.#device.queue.writeBuffer(this.#look, 0, Float32Array.of(...rows, SIDE, 0, 0, 0));
    const group = this.#device.createBindGroup({
      layout: this.#pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource },
        { binding: 1, resource: { buffer: this.#look } },
      ],
    });
    const encoder = this.#device.createCommandEncoder();
    const view = this.#context.getCurrentTexture().createView();
    const pass = encoder.beginRenderPass({
      colorAttachments: [{ view, loadOp: 'clear', storeOp: 'store' }],
    });
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(0, group);
    pass.draw(3);
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
  }
}

class ValueField implements Field {
  readonly drawn = 'values';
  palette: Palette;
  readonly #canvas: OffscreenCanvas;
  readonly #small = new OffscreenCanvas(SIDE, SIDE);

  constructor(canvas: OffscreenCanvas, palette: Palette) {
    this.palette = palette;
    this.#canvas = canvas;
  }

  async draw({ step }: FieldStep): Promise<void> {
    const { logits } = await step();
    const image = new ImageData(SIDE, SIDE);
    const [low, middle, high] = this.palette;
    logits.data.forEach((z: number, i: number) => {
      const lean = Math.tanh(z / 2);
      const to = lean > 0 ? high! : low!;
      const at = 4 * ((SIDE - 1 - Math.floor(i / SIDE)) * SIDE + (i % SIDE));
      middle!.forEach((value, channel) => {
        image.data[at + channel] = 255 * (value + Math.abs(lean) * (to[channel]! - value));
      });
      image.data[at + 3] = 255;
    });
    this.#small.getContext('2d')!.putImageData(image, 0, 0);
    const context = this.#canvas.getContext('2d')!;
    context.imageSmoothingQuality = 'high';
    context.drawImage(this.#small, 0, 0, this.#canvas.width, this.#canvas.height);
  }
}
