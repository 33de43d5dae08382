// A process of features that does as it is told by `datasetFile`. It speaks src/predictor/reasons/feature-protocol.ts.
import { writeFileSync } from 'node:fs'

const send = (message) => process.send(message)

process.on('message', ({ datasetFile: how, folder }) => {
  switch (how) {
    case 'goes on and on':
      setInterval(() => send({ type: 'seen', pictures: 25, of: 100 }), 5)
      return
    case 'finds the disk full':
      send({ type: 'disk', code: 'ENOSPC', message: 'no space' })
      break
    case 'finds no finite numbers':
      send({ type: 'rejected', rejection: { kind: 'answer', message: 'NaN' } })
      break
    default:
      // Which process wrote it.
      writeFileSync(`${folder}/writer`, String(process.pid))
      send({ type: 'seen', pictures: 100, of: 100 })
      send({ type: 'written' })
  }
  process.disconnect()
})
