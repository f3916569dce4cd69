// Talks to a node as wallets do: `node rpc-provider.cjs 127.0.0.1:9944`, with @polkadot/rpc-provider installed. Prints what it
// was told as one line of JSON, and fails on the first answer that the library does not understand.
const { HttpProvider, WsProvider } = require('@polkadot/rpc-provider');

async function heads(provider, method, unsubscribe) {
  const seen = [];
  let subscription;
  await new Promise((done, fail) => {
    provider
      .subscribe(method[0], method[1], [], (error, header) => {
        if (error) return fail(error);
        seen.push(parseInt(header.number, 16));
        if (seen.length === 2) done();
      })
      .then((id) => { subscription = id; }, fail);
  });
  await provider.unsubscribe(method[0], unsubscribe, subscription);
  return seen;
}

async function main(address) {
  const http = new HttpProvider(`http://${address}`);
  const told = {
    chain: await http.send('system_chain', []),
    genesis: await http.send('chain_getBlockHash', [0]),
    properties: await http.send('system_properties', []),
    methods: (await http.send('rpc_methods', [])).methods.length,
  };
  const ws = new WsProvider(`ws://${address}`);
  await ws.isReady;
  const best = await ws.send('chain_getBlock', []);
  told.block = parseInt(best.block.header.number, 16);
  told.extrinsics = best.block.extrinsics.length;
  told.now = await ws.send('state_getStorage', [`0x${Buffer.from('timestamp:now').toString('hex')}`]);
  told.pending = await ws.send('author_pendingExtrinsics', []);
  told.heads = await heads(ws, ['chain_newHead', 'chain_subscribeNewHeads'], 'chain_unsubscribeNewHeads');
  told.refused = await ws.send('author_submitExtrinsic', ['0x00']).then(() => null, (error) => error.message);
  await ws.disconnect();
  console.log(JSON.stringify(told));
}

main(process.argv[2]).then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
