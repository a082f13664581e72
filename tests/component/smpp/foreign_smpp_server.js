// An SMPP server built on the npm package `smpp`, the peer of test_smpp_foreign.py.
// In: argv[2] = folder of node_modules. Out: JSON lines on stdout: {port}, {bind}, {submit}, {confirmed}.
// Every 5th submit is throttled; each other one gets an answer and then a receipt. Ends when stdin ends.
const smpp = require(require('path').join(process.argv[2], 'smpp'));
const tell = (line) => process.stdout.write(JSON.stringify(line) + '\n');
let count = 0;
const receivers = [];
const hex = (value) => value === undefined ? null : Number(value);

const server = smpp.createServer((session) => {
  for (const kind of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) {
    session.on(kind, (pdu) => {
      const known = pdu.system_id === 'sluice' && pdu.password === 'secret';
      tell({ bind: pdu.system_id, kind, version: pdu.interface_version, taken: known });
      if (kind === 'bind_receiver') receivers.push(session);
      session.send(pdu.response({ command_status: known ? 0 : smpp.ESME_RINVPASWD }));
    });
  }
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('submit_sm', (pdu) => {
    count += 1;
    if (count % 5 === 0) {
      session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
      return;
    }
    const id = (1000 + count).toString(16);
    tell({
      submit: id, to: pdu.destination_addr, to_type: [pdu.dest_addr_ton, pdu.dest_addr_npi],
      from: pdu.source_addr, from_type: [pdu.source_addr_ton, pdu.source_addr_npi],
      text: (pdu.message_payload || pdu.short_message).message, whole: pdu.message_payload !== undefined,
      sar: [hex(pdu.sar_msg_ref_num), hex(pdu.sar_total_segments), hex(pdu.sar_segment_seqnum)],
      udh: (pdu.short_message.udh || []).map((part) => part.toString('hex')),
      coding: pdu.data_coding, esm: pdu.esm_class, registered: pdu.registered_delivery, validity: pdu.validity_period,
    });
    session.send(pdu.response({ message_id: id }));
    const options = count % 2
      ? { short_message: `id:${1000 + count} sub:001 dlvrd:001 submit date:2603041729 done date:2603041730 stat:DELIVRD err:000 text:hi` }
      : { short_message: '', receipted_message_id: id, message_state: 5 };
    (receivers[0] || session).deliver_sm({
      source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4, ...options,
    }, (answer) => tell({ confirmed: id, status: answer.command_status }));
  });
  session.on('error', (error) => tell({ error: String(error) }));
});
server.on('error', (error) => tell({ error: String(error) }));
server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
