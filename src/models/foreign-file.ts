import { open } from 'node:fs/promises'
import type { UploadedFile } from '../uploads.ts'
import { graphModel } from '../zoo/formats/keras-topology.ts'

/** Where a file was sent: as safetensors, or among those of a LayersModel. */
export type WeightsSlot = 'safetensors' | 'layersModel'

/** Of a file's beginning and of its end; a zip archive names its members at its end. */
const LOOK_BYTES = 64 * 1024
/** A larger one is no answer of a web server and no index. */
const MAX_JSON_BYTES = 16 * 2 ** 20

interface Look {
  name: string
  size: number
  head: Buffer
  /** Beginning and end, a character a byte. */
  text: string
  slot: WeightsSlot
}

/**
 * Says what a file is that could not be read as weights, and what to do with it, in a sentence or two. Null for what is
 * not known, for a part of a LayersModel where one was asked for, and for safetensors where that was.
 */
export async function foreignFile(file: UploadedFile, slot: WeightsSlot): Promise<string | null> {
  const handle = await open(file.path, 'r')
  try {
    const look = async (position: number) => {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(LOOK_BYTES), 0, LOOK_BYTES, position)
      return buffer.subarray(0, bytesRead)
    }
    const head = await look(0)
    const tail = await look(Math.max(0, file.size - LOOK_BYTES))
    const text = head.toString('latin1') + tail.toString('latin1')
    const what = whatIs({ name: file.name, size: file.size, head, text, slot })
    if (what !== null) return `${JSON.stringify(file.name)} is ${what}`
    const isJson = /^\s*[[{]/.test(head.toString('utf8').replace(/^\uFEFF/, ''))
    if (!isJson || file.size > MAX_JSON_BYTES) return null
    const whole = Buffer.alloc(file.size)
    await handle.read(whole, 0, file.size, 0)
    const json = whatIsJson(whole.toString('utf8').replace(/^\uFEFF/, ''), slot)
    return json === null ? null : `${JSON.stringify(file.name)} is ${json}`
  } finally {
    await handle.close()
  }
}

function whatIs(file: Look): string | null {
  const { name, head, size, text, slot } = file
  if (size === 0) return 'empty.'
  if (slot === 'safetensors' && head.every((byte) => byte === 0))
    return 'all zeros as far as one looked: its download was not finished.'
  const begins = (magic: string) => text.startsWith(magic)
  if (begins('PK\x03\x04') || begins('PK\x05\x06')) return whatIsZip(file)
  if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) return whatIsPickle(file)
  if (begins('\x89HDF\r\n\x1a\n')) return hdf5(name)
  if (begins('\x93NUMPY')) {
    return 'a NumPy array: one alone, and a network has many. Save all of them by their names with safetensors.numpy.save_file.'
  }
  if (begins('GGUF') || begins('ggml') || begins('tjgg')) {
    return 'a GGUF file, of a language model most likely; weights of a VGG are read from safetensors.'
  }
  if (text.slice(4, 8) === 'TFL3')
    return 'a TensorFlow Lite model. Convert the Keras model that it was made of.'
  if (begins('version https://git-lfs.github.com/spec/')) {
    return 'a Git LFS pointer, which stands for the file in a repository. Fetch the file itself: git lfs pull.'
  }
  if (/^(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|!--|\?xml)/i.test(text)) {
    const title = /<title[^>]*>([^<]{1,80})/i.exec(text)?.[1]?.trim()
    return `a page of HTML${title === undefined ? '' : ` (${title})`}, as a server sends in the place of a file that is not there or needs a login. Download it again.`
  }
  const packed = PACKED.find(([magic]) => begins(magic))
  if (packed !== undefined) return `packed with ${packed[1]}: unpack it first.`
  if (text.slice(257, 262) === 'ustar') {
    return /\.(pth?|ckpt|bin)$/i.test(name)
      ? pytorch(name, 'of 2017 or earlier')
      : 'a tar archive: unpack it first.'
  }
  if (
    /\.onnx$/i.test(name) ||
    (head[0] === 8 && head[1]! >= 3 && /pytorch|onnx|tf2onnx|keras2onnx/.test(text.slice(0, 200)))
  ) {
    return `an ONNX model. If it has the layers' own names, save its weights in Python: import onnx; from safetensors.numpy import save_file; save_file({t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(${quoted(name)}).graph.initializer}, "weights.safetensors")`
  }
  if (/\.pb$/i.test(name) || begins('\x08\x01\x12')) {
    return 'a TensorFlow SavedModel or graph. Convert a SavedModel of Keras: tensorflowjs_converter --input_format=keras_saved_model --output_format=tfjs_layers_model FOLDER OUTPUT, and send its output as layersModel.'
  }
  if (slot === 'safetensors' && /^group\d+-shard\d+of\d+/.test(name)) {
    return 'by its name a file of weights of a TF.js LayersModel: send it as layersModel, with its model.json.'
  }
  if (slot === 'layersModel' && isSafetensors(file)) return 'a safetensors file: send it as safetensors.'
  const known = PICTURES.find(([magic]) => begins(magic))
  if (known !== undefined) return `${known[1]}, and no weights.`
  // Of a TensorFlow checkpoint in parts: model.ckpt.data-00000-of-00001.
  const ending = /\.([a-z0-9]+)(-\d+-of-\d+)?$/i.exec(name)?.[1]?.toLowerCase() ?? ''
  const program = ENDINGS[ending]
  if (program !== undefined)
    return `by its name a file of ${program}; weights are read from safetensors and from TF.js LayersModels.`
  const isText =
    slot === 'safetensors' &&
    head.length < 4096 &&
    head.every((byte) => (byte >= 32 && byte < 127) || byte === 9 || byte === 10 || byte === 13)
  if (isText && !/^\s*[[{]/.test(text))
    return `text, and no weights: ${quoted(head.toString('latin1').trim().slice(0, 80))}.`
  return null
}

const PACKED: readonly [string, string][] = [
  ['\x1f\x8b\x08', 'gzip'],
  ['BZh', 'bzip2'],
  ['\xfd7zXZ\0', 'xz'],
  ['\x28\xb5\x2f\xfd', 'Zstandard'],
  ['7z\xbc\xaf\x27\x1c', '7-Zip'],
  ['Rar!\x1a\x07', 'RAR'],
]
const PICTURES: readonly [string, string][] = [
  ['\x89PNG', 'a PNG picture'],
  ['\xff\xd8\xff', 'a JPEG picture'],
  ['GIF8', 'a GIF picture'],
  ['%PDF', 'a PDF'],
  ['MATLAB', 'a MATLAB file'],
]
/** What nothing at their beginning tells. */
const ENDINGS: Readonly<Record<string, string>> = {
  caffemodel: 'Caffe',
  prototxt: 'Caffe',
  weights: 'Darknet',
  mlmodel: 'Core ML',
  msgpack: 'Flax',
  data: 'a TensorFlow checkpoint',
  index: 'a TensorFlow checkpoint',
  meta: 'a TensorFlow checkpoint',
  params: 'MXNet',
  pdparams: 'PaddlePaddle',
  engine: 'TensorRT',
  trt: 'TensorRT',
}

function whatIsZip({ name, text }: Look): string {
  if (/constants\.pkl|code\/__torch__/.test(text)) {
    return `a TorchScript model. Save its weights in Python: import torch; from safetensors.torch import save_file; save_file(torch.jit.load(${quoted(name)}, map_location="cpu").state_dict(), "weights.safetensors")`
  }
  if (/data\.pkl/.test(text)) return pytorch(name, 'a zip archive')
  if (/model\.weights\.h5/.test(text) || /\.keras$/i.test(name)) return keras(name)
  if (/\.npy/.test(text) || /\.npz$/i.test(name)) {
    return `a NumPy archive. Convert it in Python: import numpy; from safetensors.numpy import save_file; save_file(dict(numpy.load(${quoted(name)})), "weights.safetensors")`
  }
  if (/\.(pth?|ckpt|bin)$/i.test(name)) return pytorch(name, 'a zip archive')
  return "a zip archive, as PyTorch's .pth and Keras' .keras files are: unpack it, or convert it to safetensors in the program that wrote it."
}

function whatIsPickle({ name, text }: Look): string {
  // torch.save of before 1.6 writes this number first.
  const isTorch = text.includes('\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19') || /torch/.test(text)
  if (isTorch || /\.(pth?|ckpt|bin)$/i.test(name)) return pytorch(name, 'a pickle, as of before PyTorch 1.6')
  return 'a Python pickle. Save the arrays in it by their names with safetensors.numpy.save_file.'
}

function pytorch(name: string, form: string): string {
  return `a PyTorch file (${form}). Convert it in Python: import torch; from safetensors.torch import save_file; save_file(torch.load(${quoted(name)}, map_location="cpu", weights_only=True), "weights.safetensors"). Of a checkpoint take its ["state_dict"].`
}

function hdf5(name: string): string {
  return `an HDF5 file, as Keras saves models. Convert it: tensorflowjs_converter --input_format=keras ${quoted(name)} OUTPUT (pip install tensorflowjs), and send the files of its output as layersModel.`
}

function keras(name: string): string {
  return `a Keras 3 model (.keras). Save it as HDF5 in Python: import keras; keras.models.load_model(${quoted(name)}).save("model.h5"); then tensorflowjs_converter --input_format=keras model.h5 OUTPUT, and send the files of its output as layersModel.`
}

function isSafetensors({ head, size }: Look): boolean {
  if (head.length < 10) return false
  const length = head.readBigUInt64LE(0)
  return length <= BigInt(size - 8) && head[8] === 0x7b
}

function whatIsJson(text: string, slot: WeightsSlot): string | null {
  let json: Record<string, unknown>
  try {
    json = JSON.parse(text) ?? {}
  } catch {
    return slot === 'layersModel' ? null : 'JSON that is cut short, and no weights.'
  }
  if (json.format === 'graph-model')
    return slot === 'layersModel' ? null : graphModel().message.replace(/^This is /, '')
  if (json.modelTopology !== undefined) {
    return slot === 'layersModel'
      ? null
      : 'the model.json of a TF.js model: send it as layersModel, with the files of weights that it names.'
  }
  if (typeof json.weight_map === 'object' && json.weight_map !== null) {
    const parts = [...new Set(Object.values(json.weight_map))]
    return `the index of weights in ${parts.length === 1 ? 'another file' : `${parts.length} files`} (${parts.slice(0, 3).join(', ')}${parts.length > 3 ? ', …' : ''}). ${parts.length === 1 ? 'Send that.' : JOIN}`
  }
  if (typeof json.class_name === 'string') {
    return 'the configuration of a Keras model, without weights. Convert the model itself with tensorflowjs_converter.'
  }
  if (json.architectures !== undefined || json.model_type !== undefined) {
    return 'a configuration, without weights; they are in the safetensors file beside it.'
  }
  const said = json.error ?? json.message ?? json.detail
  if (said !== undefined) {
    return `an answer in JSON in the place of a file: ${JSON.stringify(said).slice(0, 100)}. Download it again.`
  }
  return slot === 'layersModel' ? 'JSON, but no model.json of a TF.js LayersModel.' : 'JSON, and no weights.'
}

const JOIN =
  'Join them in Python: from safetensors.torch import load_file, save_file; save_file({k: v for part in PARTS for k, v in load_file(part).items()}, "weights.safetensors")'

/** For weights that are incomplete: whether the file's name says that it is one of several. */
export function partOfSeveral({ name }: Pick<UploadedFile, 'name'>): string | null {
  const [, part, total] = /-0*(\d+)-of-0*(\d+)\.[a-z]+$/i.exec(name) ?? []
  return part === undefined || Number(total) < 2
    ? null
    : `${JSON.stringify(name)} is file ${part} of ${total}, and the weights are in all of them. ${JOIN}`
}

/** For a line of Python or of a shell. */
const quoted = (text: string) => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
