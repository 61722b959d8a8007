// A server of node-opcua, told what to do by lines of JSON: see node_opcua.py.
const { OPCUAServer, Variant, DataType, StatusCodes, DataValue, standardUnits, coerceNodeId } = require("node-opcua");
const readline = require("readline");

const say = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");

async function main(options) {
  const server = new OPCUAServer({
    port: options.port,
    hostname: "127.0.0.1",
    resourcePath: "/press",
    serverCertificateManager: options.certificates,
    allowAnonymous: true,
    maxSubscriptionsPerSession: 10,
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  const namespace = space.registerNamespace("http://vendor.example/press");
  const press = namespace.addObject({ organizedBy: space.rootFolder.objects, browseName: "Press" });
  const tags = {};
  for (const [name, [type, value]] of Object.entries(options.tags)) {
    const about = {
      componentOf: press, browseName: name, nodeId: "s=Press." + name, dataType: type,
      minimumSamplingInterval: 10,
      value: new Variant({ dataType: DataType[type], value }),
    };
    tags[name] = name === "temperature"
      ? namespace.addAnalogDataItem({ ...about, engineeringUnitsRange: { low: 0, high: 200 }, engineeringUnits: standardUnits.degree_celsius })
      : namespace.addVariable(about);
    if ((options.history || []).includes(name)) space.installHistoricalDataNode(tags[name], { maxOnlineValues: 100000 });
  }
  await server.start();
  say({ url: server.getEndpointUrl() });
  readline.createInterface({ input: process.stdin }).on("line", async (line) => {
    const command = JSON.parse(line);
    if (command.do === "write") {
      for (const value of command.values) {
        const tag = tags[command.tag];
        tag.setValueFromSource({ dataType: tag.dataType.value ? tag.dataTypeObj.browseName.name : "Double", value }, StatusCodes[command.status || "Good"]);
        await new Promise((done) => setTimeout(done, command.pause_ms || 15));
      }
    }
    if (command.do === "change") {
      let number = 0;
      setInterval(() => {
        number += 1;
        for (const tag of Object.values(tags)) tag.setValueFromSource({ dataType: "Double", value: number });
      }, 1000 / command.rate);
    }
    say({});
  });
}

main(JSON.parse(process.argv[2])).catch((error) => say({ error: String(error && error.stack || error) }));
