// Files that PyTorch wrote and reads: its names, its layout, its results.
import { expect, it } from 'vitest';
import { arange, checkpoint, div, nn, reshape, safetensors, sub } from '../../src/index.common.js';
import { openCpuEngine } from '../support/engine.js';

// By PyTorch 1.13 with manual_seed(1), tensor by tensor of the state_dict of
//   net = Sequential(Conv2d(1, 2, (2, 3), stride=(1, 2), padding=1), ReLU(), Sequential(Flatten(), Linear(16, 2)))
//   ModuleDict({ 'net': net, 'lstm': LSTM(2, 2, batch_first=True) })
const file = Uint8Array.from(
  atob(
    [
      'WAIAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJuZXQuMC53ZWlnaHQiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsMS',
      'wyLDNdLCJkYXRhX29mZnNldHMiOlswLDQ4XX0sIm5ldC4wLmJpYXMiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMi',
      'Ols0OCw1Nl19LCJuZXQuMi4xLndlaWdodCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwxNl0sImRhdGFfb2Zmc2V0cyI6WzU2LDE4NF19LC',
      'JuZXQuMi4xLmJpYXMiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOlsxODQsMTkyXX0sImxzdG0ud2VpZ2h0X2lo',
      'X2wwIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOls4LDJdLCJkYXRhX29mZnNldHMiOlsxOTIsMjU2XX0sImxzdG0ud2VpZ2h0X2hoX2wwIjp7Im',
      'R0eXBlIjoiRjMyIiwic2hhcGUiOls4LDJdLCJkYXRhX29mZnNldHMiOlsyNTYsMzIwXX0sImxzdG0uYmlhc19paF9sMCI6eyJkdHlwZSI6IkYz',
      'MiIsInNoYXBlIjpbOF0sImRhdGFfb2Zmc2V0cyI6WzMyMCwzNTJdfSwibHN0bS5iaWFzX2hoX2wwIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOl',
      's4XSwiZGF0YV9vZmZzZXRzIjpbMzUyLDM4NF19fSBjZ1c+O4Q4vg0Wor3KN0Q+N8jEvqa1ej5iAay9sa1UPk52aD3Rv0y9PubnPdf7pDyqrhg+',
      'vukivjBRlbxAYLi8MGwUPQDngrpkyV8+UFSfPQisvr02nRq+cKMrvbDY3L3UEaS9gB9EPNSbGD44JQs+xkB6vhyzHj7ICI89iNRyPq75KD5SQG',
      'm+Lmhzvjz09r3uy2A+EJEqvYAd2z2o7u29GjF7Plyg2L0S+z8+gANCO4LdBr56lgM+1OMHvuSUlj0iFVG+f8SevaMHLr8Jnay+WnTEProBML7h',
      'TTQ/XhoRP56dB72ap/G+xXfcPvi4YD5pB+q+BynrPlnL2z6OiyA/u/HKvvpf7r18bWC8ioPTPf5gCb+TdAC/YPPEPlHKKb6l2LA+UB4lPT6/bT',
      '5nNx8+FqODPml3sz7ppCe/kTu2PsuO/r6plAi/IyMwPaTG9r1OotQ+ZKvRvkTsIL9/vQM/KbzWvZqhyz6ax2g+770Hv0V3ET7A6y0+92fyvv7G',
      'q74=',
    ].join(''),
  ),
  (letter) => letter.charCodeAt(0),
);
/** net(arange(24).reshape(2, 1, 3, 4) / 10 - 1) and lstm(arange(12).reshape(2, 3, 2) / 5 - 1)[0] */
const results = {
  net: [-0.0711798, 0.1101987, -0.1166683, 0.0972721],
  lstm: [
    0.0804859, -0.1422953, 0.1036697, -0.1570036, 0.1044877, -0.1406918, 0.0311351, -0.0164328,
    0.0322674, 0.0324615, 0.0174615, 0.1029522,
  ],
};

const engine = openCpuEngine();
/** The same network here. */
function build() {
  const tail = nn.sequential(nn.flatten(), nn.dense(16, 2));
  const convolution = nn.conv2d(1, 2, [2, 3], { stride: [1, 2], padding: 1, activation: 'relu' });
  const net = nn.sequential([convolution, (x) => x, tail], { name: 'net' });
  const lstm = nn.lstm(2, 2, { name: 'lstm' });
  return { net, lstm, model: { parameters: [...net.parameters, ...lstm.parameters] } };
}

it('gives what PyTorch gives, with the weights of its file', async () => {
  const { net, lstm, model } = build();
  await checkpoint.load(engine, file, { model });
  const x = sub(div(reshape(arange(0, 24, { dtype: 'f32' }), [2, 1, 3, 4]), 10), 1);
  const y = sub(div(reshape(arange(0, 12, { dtype: 'f32' }), [2, 3, 2]), 5), 1);
  const values = await engine.run({ net: net.apply(x), lstm: lstm.apply(y) });
  for (const kind of ['net', 'lstm'] as const)
    for (const [i, value] of results[kind].entries())
      expect(values[kind].data[i]).toBeCloseTo(value, 6);
});

it('writes the file that PyTorch wrote', async () => {
  const { model } = build();
  await checkpoint.load(engine, file, { model });
  const [written, read] = [await checkpoint.save(engine, { model }), file].map(safetensors.decode);
  expect(written).toEqual(read);
  expect([...written!.tensors.keys()]).toEqual([...read!.tensors.keys()]);
});
