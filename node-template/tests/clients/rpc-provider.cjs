// Talks to a node as wallets do: `node rpc-provider.cjs 127.0.0.1:9944`, with @polkadot/rpc-provider installed. Prints what it
// was told as one line of JSON, and fails on the first answer that the library does not understand.
const { HttpProvider, WsProvider } = require('@polkadot/rpc-provider');

// A new account, so that its next nonce is known.
const NOBODY = '5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM';

// All calls of the node that take nothing.
const PLAIN = [
  'system_name', 'system_version', 'system_chain', 'system_chainType', 'system_properties', 'system_health',
  'system_syncState', 'system_peers', 'system_localPeerId', 'system_localListenAddresses', 'system_nodeRoles',
  'chain_getFinalizedHead', 'author_pendingExtrinsics', 'sync_status', 'sync_strategies', 'sync_backups', 'rpc_methods',
];

async function plain(provider) {
  const told = {};
  for (const method of PLAIN) told[method] = await provider.send(method, []);
  return told;
}

async function blocks(provider) {
  const best = await provider.send('chain_getBlockHash', []);
  const { block, justifications } = await provider.send('chain_getBlock', [best]);
  const header = await provider.send('chain_getHeader', [best]);
  return {
    genesis: await provider.send('chain_getBlockHash', [0]),
    number: parseInt(block.header.number, 16),
    extrinsics: block.extrinsics.length,
    headersAgree: JSON.stringify(block.header) === JSON.stringify(header),
    justifications,
    aboveTheTip: await provider.send('chain_getBlockHash', [1000000]),
    now: await provider.send('state_getStorage', [`0x${Buffer.from('timestamp:now').toString('hex')}`, best]),
    nothing: await provider.send('state_getStorage', ['0x00']),
    nonce: await provider.send('system_accountNextIndex', [NOBODY]),
  };
}

// The heights of the first two headers.
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

const refusal = (call) => call.then(() => null, (error) => error.message);

async function main(address) {
  const ws = new WsProvider(`ws://${address}`);
  await ws.isReady;
  const told = {
    http: await plain(new HttpProvider(`http://${address}`)),
    ws: await plain(ws),
    blocks: await blocks(ws),
    newHeads: await heads(ws, ['chain_newHead', 'chain_subscribeNewHeads'], 'chain_unsubscribeNewHeads'),
    finalizedHeads: await heads(
      ws, ['chain_finalizedHead', 'chain_subscribeFinalizedHeads'], 'chain_unsubscribeFinalizedHeads',
    ),
    nonsense: await refusal(ws.send('author_submitExtrinsic', ['0x00'])),
    missing: await refusal(ws.send('state_getMetadata', [])),
    operatorOnly: await refusal(ws.send('sync_abort', [])),
  };
  await ws.disconnect();
  console.log(JSON.stringify(told));
}

main(process.argv[2]).then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
