// Segments of texts as the npm package `sms-segments-calculator` counts them, for test_segments.py.
// In: argv[2] = folder of node_modules; on stdin a JSON list of texts. Out: a JSON list of [encoding, segments].
const path = require('path');
const { SegmentedMessage } = require(path.join(process.argv[2], 'sms-segments-calculator'));
let given = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => { given += chunk; });
process.stdin.on('end', () => {
  const counted = JSON.parse(given).map((text) => {
    const message = new SegmentedMessage(text);
    return [message.encodingName, message.segmentsCount];
  });
  process.stdout.write(JSON.stringify(counted));
});
