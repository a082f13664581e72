// A carrier's SMSC made of the npm package `smpp`, for test_foreign_smsc.py.
// In: argv[2] = folder of node_modules, argv[3] = log; a line on stdin asks for the counters. Out: {port}, counters on stdout;
// in the log one line "system_id,destination,id" for each submit it accepts, written before the answer goes out.
// Every 50th submit is throttled. Ids are hex in the answer and decimal in the receipt. Each receipt comes twice, in one of
// four forms; every 7th message is reported ENROUTE first, of every 101st the receipts come before the answer.
const path = require('path');
const fs = require('fs');
const smpp = require(path.join(process.argv[2], 'smpp'));
const log = fs.openSync(process.argv[3], 'a');
const tell = (line) => process.stdout.write(JSON.stringify(line) + '\n');
const seen = { submits: 0, throttled: 0, accepted: 0, receipts: 0, confirmed: 0, refused: 0, errors: 0 };
const nextId = {};

const appendixB = (id, state) => ({
  short_message: `id:${id} sub:001 dlvrd:001 submit date:2603041729 done date:2603041730 stat:${state} err:000 text:hello`,
});
const forms = [
  (id) => appendixB(id, 'DELIVRD'),
  (id) => ({ short_message: '', receipted_message_id: id, message_state: 2 }),
  (id) => ({ short_message: `Status: "DELIVERED" Err: 0 Done_Date: 20260304173000 ID: '${id}'` }),
  (id) => ({ ...appendixB('0', 'UNDELIV'), receipted_message_id: id, message_state: 2 }),
];

const server = smpp.createServer((session) => {
  let systemId = null;
  const report = (pdu, content) => {
    seen.receipts += 1;
    session.deliver_sm({
      source_addr: pdu.destination_addr, source_addr_ton: 1, source_addr_npi: 1, destination_addr: pdu.source_addr,
      esm_class: 4, ...content,
    }, (answer) => { seen[answer.command_status ? 'refused' : 'confirmed'] += 1; });
  };
  const reports = (pdu, number) => {
    const id = String(number);
    const form = forms[number % forms.length];
    if (number % 7 === 0) report(pdu, appendixB(id, 'ENROUTE'));
    report(pdu, form(id));
    if (number % 2) report(pdu, form(id));
    else setTimeout(() => report(pdu, form(id)), 50);
  };
  session.on('bind_transceiver', (pdu) => {
    systemId = pdu.system_id;
    session.send(pdu.response({ command_status: pdu.password === 'secret' ? 0 : smpp.ESME_RINVPASWD }));
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('submit_sm', (pdu) => {
    seen.submits += 1;
    if (seen.submits % 50 === 0) {
      seen.throttled += 1;
      session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
      return;
    }
    const number = nextId[systemId] = (nextId[systemId] || 9) + 1;
    const id = number % 2 ? number.toString(16) : number.toString(16).toUpperCase().padStart(8, '0');
    seen.accepted += 1;
    fs.writeSync(log, `${systemId},${pdu.destination_addr},${id}\n`);
    if (number % 101 === 0) reports(pdu, number);
    session.send(pdu.response({ message_id: id }));
    if (number % 101 !== 0) reports(pdu, number);
  });
  session.on('error', () => { seen.errors += 1; });
});
server.on('error', () => { seen.errors += 1; });
server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));
process.stdin.on('data', () => tell(seen));
process.stdin.on('end', () => process.exit(0));
