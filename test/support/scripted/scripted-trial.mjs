/** A trial process that does what the variable TRIALS says for its engine: a figure, or how it comes to none. */
process.on('message', ({ engine }) => {
  const what = JSON.parse(process.env.TRIALS)[engine]
  if (what === 'dies') throw new RangeError('the driver is gone')
  if (what === 'hangs') return
  if (what === 'fails') answer({ type: 'failed', reason: 'its loss was not finite' })
  else if (what === 'absent') answer({ type: 'absent', reason: 'it is not installed' })
  else answer({ type: 'measured', imagesPerSecond: what })
})

function answer(message) {
  process.send(message, () => process.exit(0))
}
