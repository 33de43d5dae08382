import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { foreignFile, partOfSeveral, type WeightsSlot } from '../../../src/models/foreign-file.ts'
import { UploadedFile } from '../../../src/uploads.ts'
import { encodeSafetensors } from '../../support/weights.ts'

const folder = mkdtempSync(join(tmpdir(), 'vggzoo-foreign-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let count = 0
function what(name: string, content: string | Uint8Array, slot: WeightsSlot = 'safetensors') {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : content
  const path = join(folder, String(++count))
  writeFileSync(path, bytes)
  return foreignFile(new UploadedFile(name, bytes.length, path), slot)
}

/** Only its beginning, and what stands in its directory: the names of its members. */
const zip = (...members: string[]) => `PK\x03\x04${'\0'.repeat(100_000)}${members.join('PK\x01\x02')}`
const pickle = '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.'

describe('a file that is no weights is told', () => {
  test.each<[string, string, string | Uint8Array, RegExp]>([
    ['nothing', 'w.safetensors', '', /is empty/],
    ['zeros', 'w.safetensors', '\0'.repeat(1000), /all zeros/],
    [
      'a PyTorch file',
      'vgg.pth',
      zip('archive/data.pkl', 'archive/data/0'),
      /PyTorch file.*save_file\(torch\.load\("vgg\.pth"/,
    ],
    ['one by another name', 'w.safetensors', zip('w/data.pkl', 'w/version'), /PyTorch file/],
    ['one by its name alone', 'pytorch_model.bin', 'PK\x03\x04', /PyTorch file/],
    ['an old PyTorch file', 'vgg.pt', pickle, /PyTorch file \(a pickle/],
    ['another pickle', 'w.pkl', '\x80\x04\x95\x0a', /Python pickle/],
    ['a very old PyTorch file', 'vgg.pth', `${'\0'.repeat(257)}ustar\0`, /PyTorch file \(of 2017/],
    [
      'TorchScript',
      'w.pt',
      zip('w/data.pkl', 'w/code/__torch__.py', 'w/constants.pkl'),
      /TorchScript.*torch\.jit\.load/,
    ],
    [
      'HDF5',
      'vgg16.h5',
      '\x89HDF\r\n\x1a\n....',
      /HDF5.*tensorflowjs_converter --input_format=keras "vgg16\.h5"/,
    ],
    [
      'a Keras 3 model',
      'm.keras',
      zip('metadata.json', 'config.json', 'model.weights.h5'),
      /Keras 3 model.*load_model/,
    ],
    ['a NumPy archive', 'w.npz', zip('features.0.weight.npy'), /NumPy archive.*numpy\.load/],
    ['a NumPy array', 'w.npy', '\x93NUMPY\x01\0', /NumPy array/],
    ['another zip', 'w.safetensors', zip('readme.txt'), /zip archive/],
    ['ONNX', 'w.safetensors', '\x08\x07\x12\x07pytorch\x1a\x051.13.0', /ONNX.*numpy_helper/],
    ['ONNX by its name', 'vgg.onnx', '\x08\x03\x3a', /ONNX/],
    ['TensorFlow Lite', 'w.tflite', '\x1c\0\0\0TFL3\x14', /TensorFlow Lite/],
    ['a SavedModel', 'saved_model.pb', '\x08\x01\x12\xc9', /SavedModel/],
    ['GGUF', 'w.gguf', 'GGUF\x03\0\0\0', /GGUF/],
    [
      'a Git LFS pointer',
      'w.safetensors',
      'version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 553\n',
      /Git LFS pointer.*git lfs pull/,
    ],
    [
      'a page',
      'w.safetensors',
      '\n<!DOCTYPE html><html><head><title>Sign in</title>',
      /page of HTML \(Sign in\)/,
    ],
    [
      'an error in XML',
      'w.safetensors',
      '<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>',
      /HTML|XML/,
    ],
    [
      'an error in JSON',
      'w.safetensors',
      '{"error":"Repository not found"}',
      /answer in JSON.*Repository not found/,
    ],
    ['an error in words', 'w.safetensors', 'Entry not found', /text.*Entry not found/],
    [
      'an index of several files',
      'model.safetensors.index.json',
      '{"metadata":{},"weight_map":{"a":"m-00001-of-00002.safetensors","b":"m-00002-of-00002.safetensors"}}',
      /index of weights in 2 files \(m-00001-of-00002\.safetensors, m-0000.*load_file/,
    ],
    ['a configuration', 'config.json', '{"architectures":["VGG"]}', /configuration, without weights/],
    [
      'a Keras configuration',
      'm.json',
      '{"class_name":"Sequential","config":{}}',
      /configuration of a Keras model/,
    ],
    [
      'the model.json of TF.js',
      'model.json',
      '{"format":"layers-model","modelTopology":{}}',
      /send it as layersModel/,
    ],
    [
      'the model.json of a graph model',
      'model.json',
      '{"format":"graph-model","modelTopology":{"node":[]}}',
      /is a TF\.js graph model/,
    ],
    [
      'an index of one file',
      'i.json',
      '{"weight_map":{"a":"w.safetensors","b":"w.safetensors"}}',
      /another file \(w\.safetensors\)\. Send that/,
    ],
    [
      'a shard of TF.js',
      'group1-shard1of2.bin',
      '\x01\x02\x03',
      /send it as layersModel, with its model\.json/,
    ],
    ['gzip', 'w.safetensors.gz', gzipSync('w'), /packed with gzip/],
    ['tar', 'w.tar', `${'w'.repeat(257)}ustar\0`, /tar archive/],
    ['Zstandard', 'w', '\x28\xb5\x2f\xfd....', /packed with Zstandard/],
    ['a picture', 'w', '\x89PNG\r\n', /PNG picture/],
    ['a part of a checkpoint', 'model.ckpt.data-00000-of-00001', '\x07\x07\x07', /a TensorFlow checkpoint/],
    ['another program by its name', 'vgg.caffemodel', '\x0a\x05VGG16', /by its name a file of Caffe/],
  ])('%s', async (_what, name, content, expected) => {
    const said = await what(name, content)
    expect(said).toMatch(expected)
    expect(said).toContain(JSON.stringify(name))
  })

  test('and safetensors in the place of a LayersModel', async () => {
    const bytes = encodeSafetensors([{ name: 'a', shape: [1], data: new Float32Array(1) }])
    expect(await what('w.safetensors', bytes, 'layersModel')).toMatch(/send it as safetensors/)
    expect(await what('w.safetensors', bytes)).toBeNull()
  })

  test('and in the place of a part of a LayersModel', async () => {
    const lfs = 'version https://git-lfs.github.com/spec/v1\n'
    expect(await what('group1-shard1of1.bin', lfs, 'layersModel')).toMatch(/Git LFS pointer/)
    expect(await what('model.json', '<html>', 'layersModel')).toMatch(/page of HTML/)
    expect(await what('model.json', '{"message":"Bad credentials"}', 'layersModel')).toMatch(
      /Bad credentials/,
    )
    expect(await what('vgg.h5', '\x89HDF\r\n\x1a\n', 'layersModel')).toMatch(/HDF5/)
  })
})

test('what may be weights is not told to be anything', async () => {
  const floats = Buffer.from(Float32Array.from({ length: 100 }, (_, i) => i / 7).buffer)
  expect(await what('group1-shard1of1.bin', floats, 'layersModel')).toBeNull()
  expect(await what('group1-shard1of1.bin', new Uint8Array(100), 'layersModel')).toBeNull()
  expect(await what('model.json', '{"modelTopology":{}}', 'layersModel')).toBeNull()
  expect(
    await what('w.safetensors', Buffer.concat([Buffer.from([9, 0, 0, 0, 0, 0, 0, 0]), floats])),
  ).toBeNull()
})

test('a name that says "one of several" tells so', () => {
  expect(partOfSeveral({ name: 'model-00002-of-00003.safetensors' })).toMatch(/file 2 of 3.*load_file/)
  expect(partOfSeveral({ name: 'model-00001-of-00001.safetensors' })).toBeNull()
  expect(partOfSeveral({ name: 'model.safetensors' })).toBeNull()
})
