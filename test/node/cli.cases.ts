// Command lines that nabla refuses, and what it says of each.

type Refused = readonly (readonly [args: string, error: RegExp])[];

/** What cannot be done. */
export const impossible: Refused = [
  ['bogus', /unknown command 'bogus'/],
  ['--bogus', /unknown option '--bogus'/],
  ['train --bogus 1', /unknown option '--bogus'/],
  ['train --epoch 2', /unknown option '--epoch' \(Did you mean --epochs\?\)/],
  ['train extra', /too many arguments for 'train'/],
  ['train --epochs', /'--epochs <n>' argument missing/],
  ['train --epochs 0', /'--epochs <n>' argument '0' is invalid. It is no whole number from 1 /],
  ['train --batch -1', /'--batch <n>' argument '-1' is invalid. It is no whole number from 1 /],
  [
    'train --epochs -1.5',
    /'--epochs <n>' argument '-1.5' is invalid. It is no whole number from 1 /,
  ],
  ['train --learning-rate -0.1', /argument '-0.1' is invalid. It is no number above 0/],
  ['train -1', /too many arguments for 'train'|unknown option '-1'/],
  ['train --batch 1.5', /argument '1.5' is invalid. It is no whole number/],
  ['train --layers 8,x', /argument '8,x' is invalid. It is no whole number/],
  ['train --activation swish', /'swish' is invalid. Allowed choices are sigmoid, tanh, relu/],
  ['train --learning-rate fast', /argument 'fast' is invalid. It is no number above 0/],
  ['train --learning-rate 1e300', /'1e300' is invalid. It is no number above 0 in the f32 range/],
  ['train --momentum 0.9', /--momentum: adam has none/],
  ['train --backend tpu', /'tpu' is invalid. Allowed choices are gpu, cpu/],
  ['train --resume', /--resume: there is no folder for it; add --checkpoint <dir>/],
  ['train --every 5', /--every: there is no folder for it/],
  ['train --data nowhere', /mnist: nowhere holds no train-images-idx3-ubyte/],
  [
    'train --data digits --output nowhere/model',
    /nowhere.model: its folder cannot be written to; make the folder/,
  ],
  ['train --data digits --output digits', /digits: it is a folder/],
  [
    'train --data digits --output cut.safetensors/model',
    /model: its folder cannot be written to; make the folder/,
  ],
  ['train --data damaged', /mnist: train-images-idx3-ubyte: \[200,4,5\] takes 4000 bytes/],
  ['eval', /missing required argument 'file'/],
  ['eval nowhere.safetensors', /nowhere.safetensors: there is no such file; name one/],
  ['eval digits', /digits: it is a folder; name a file in it/],
  ['eval text.safetensors', /text.safetensors: safetensors: /],
  [
    'eval other.safetensors --data digits',
    /other.safetensors: its metadata describe no architecture/,
  ],
  ['eval cut.safetensors --data digits', /cut.safetensors: safetensors: .* cut short/],
  [
    'eval whole.safetensors --backend cpu',
    /whole.safetensors: it turns 20 numbers into 10 classes .* 784 pixels/,
  ],
  ['explain nowhere.json', /nowhere.json: there is no such file; name one/],
];

/** What only an administrator can try: nobody else may make a device. */
const ofAdministrators: Refused = [['--output device', /device: it is a device; name a file/]];

/** Options of `nabla train` that would replace what is needed, or what is no file. */
export const replacing: Refused = [
  [
    '--output digits/train-images-idx3-ubyte',
    /--output .*ubyte: it would replace the training data; name another/,
  ],
  ['--output ./digits/../digits/t10k-labels-idx1-ubyte.gz', /it would replace the training data/],
  ['--output linked', /--output linked: it would replace the training data/],
  ['--report digits/train-images-idx3-ubyte', /--report .*: it would replace the training data/],
  ['--output x --report ./x', /--report \.\/x: the model goes there; name another file/],
  [
    '--output x --report x.previous',
    /--report x.previous: what the model replaces is kept there; name another/,
  ],
  ['--output x.previous --report x', /--report x: the model goes there/],
  [
    '--preset chars --text notes --output notes',
    /--output notes: it would replace the training data/,
  ],
  [
    '--preset chars --text notes --report notes',
    /--report notes: it would replace the training data/,
  ],
  [
    '--preset chars --text old.previous --output old',
    /--output old: it would replace the training data/,
  ],
  ['--output pipe', /pipe: it is a pipe; name a file/],
  ['--report pipe', /pipe: it is a pipe; name a file/],
  ['--output circle', /circle: its symbolic links form a loop/],
  ['--output digits/', /digits\/: it is a folder/],
  ['--output new/', /new\/: it ends with a slash/],
  ['--output /proc/self/model', /model: its folder cannot be written to/],
  ['--tensorboard notes', /notes: /],
  ['--output=', /'': the path is empty; name a file/],
  ['--report=', /'': the path is empty; name a file/],
  ['--tensorboard=', /'': the path is empty; name a file/],
  [
    '--tensorboard runs2 --output runs2',
    /--output runs2: the folder runs2 goes there; name another file/,
  ],
  [
    '--tensorboard runs2/deep/er --output ./runs2/deep',
    /--output .*: the folder runs2\/deep\/er goes there/,
  ],
  ['--tensorboard runs2 --report runs2/', /runs2\/: the folder runs2 goes there/],
  ['--tensorboard runs2.previous --output runs2', /runs2.previous: it is a folder/],
  ['--tensorboard runs2/deep --output runs2/none/model', /model: its folder cannot be written to/],
  ['--tensorboard runs2/deep --output digits', /digits: it is a folder/],
  ...(process.getuid?.() === 0 ? ofAdministrators : []),
];
