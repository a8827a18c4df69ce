namespace Workflows.TestKit.Pjrt;

/// <content>Clients, devices and topologies.</content>
public sealed unsafe partial class FakePlugin
{
    /// <summary>Gets the options of the last client or topology that was created.</summary>
    public IReadOnlyDictionary<string, object> LastOptions { get; private set; } = new Dictionary<string, object>();

    private void DefineClients()
    {
        Define("Client_Create", (ref ClientCreateArguments arguments) =>
        {
            LastOptions = Options(arguments.Options, arguments.OptionCount);
            var client = new Client();
            arguments.Client = _objects.Add(client);
            client.Devices = AddDevices(arguments.Client);
        });
        Define("Client_Destroy", (ref SubjectArguments arguments) =>
        {
            var address = arguments.Subject;
            if (_objects.Live.OfType<FakeBuffer>().Any(buffer => buffer.Client == address)
                || _objects.Live.OfType<Loaded>().Any(loaded => loaded.Client == address))
            {
                _violations.Add("A client was destroyed before its buffers and executables.");
            }

            var client = _objects.Remove<Client>(address);
            RemoveDevices(client.Devices);
            if (client.Topology is { } topology)
            {
                RemoveDevices(_objects.Remove<Topology>(topology).Devices);
            }
        });
        Define("Client_PlatformName", (ref ArrayArguments arguments) => Say<Client>(ref arguments, "fake"));
        Define("Client_PlatformVersion", (ref ArrayArguments arguments) => Say<Client>(ref arguments, "fake 1.0"));
        Define("Client_ProcessIndex", (ref IntArguments arguments) => _objects.Get<Client>(arguments.Subject));
        Define("Client_Devices", (ref ArrayArguments arguments) => Give(
            ref arguments, _objects.Get<Client>(arguments.Subject).Devices));
        Define("Client_AddressableDevices", (ref ArrayArguments arguments) => Give(
            ref arguments, _objects.Get<Client>(arguments.Subject).Devices));
        Define("Client_TopologyDescription", (ref WordArguments arguments) =>
        {
            var client = _objects.Get<Client>(arguments.Subject);
            client.Topology ??= _objects.Add(new Topology("fake:client") { Devices = AddDevices(0) });
            arguments.Value = client.Topology.Value;
        });
        DefineDevices();
    }

    private void DefineDevices()
    {
        // A device is its own description here.
        Define("Device_GetDescription", (ref WordArguments arguments) =>
        {
            _objects.Get<Device>(arguments.Subject);
            arguments.Value = arguments.Subject;
        });
        Define("Device_IsAddressable", (ref FlagArguments arguments) =>
        {
            _objects.Get<Device>(arguments.Subject);
            arguments.Value = 1;
        });
        Define("Device_LocalHardwareId", (ref IntArguments arguments) =>
            arguments.Value = _objects.Get<Device>(arguments.Subject).Id);
        Define("Device_MemoryStats", (ref DeviceMemoryArguments arguments) =>
        {
            _objects.Get<Device>(arguments.Device);
            arguments.InUse = _objects.Live.OfType<FakeBuffer>().Sum(buffer => (long)buffer.Data.Bytes.Length);
            arguments.Limit = new Optional { Value = 16_909_332_480, IsSet = 1 };
            arguments.Peak = new Optional { Value = 77, IsSet = 0 };
        });
        Define("DeviceDescription_Id", (ref IntArguments arguments) =>
            arguments.Value = _objects.Get<Device>(arguments.Subject).Id);
        Define("DeviceDescription_ProcessIndex", (ref IntArguments arguments) =>
            _objects.Get<Device>(arguments.Subject));
        Define("DeviceDescription_Kind", (ref ArrayArguments arguments) => Say<Device>(ref arguments, "Fake v1"));
        Define("DeviceDescription_ToString", (ref ArrayArguments arguments) =>
            Say<Device>(ref arguments, $"FakeDevice({_objects.Get<Device>(arguments.Subject).Id})"));
        Define("DeviceDescription_Attributes", (ref CountedArguments arguments) =>
        {
            _objects.Get<Device>(arguments.Subject);
            (arguments.First, arguments.Count) = Attributes(
                ("device_memory_bytes_limit", 16_909_332_480L), ("coords", new long[] { 0, 1, 0 }));
        });
    }

    private void DefineTopologies()
    {
        Define("TopologyDescription_Create", (ref TopologyCreateArguments arguments) =>
        {
            LastOptions = Options(arguments.Options, arguments.OptionCount);
            arguments.Topology = AddTopology(Read(arguments.Name, arguments.NameBytes));
        });
        Define("TopologyDescription_Destroy", (ref SubjectArguments arguments) =>
            RemoveDevices(_objects.Remove<Topology>(arguments.Subject).Devices));
        Define("TopologyDescription_PlatformName", (ref ArrayArguments arguments) =>
            Say<Topology>(ref arguments, "fake"));
        Define("TopologyDescription_PlatformVersion", (ref ArrayArguments arguments) =>
            Say<Topology>(ref arguments, "fake 1.0"));
        Define("TopologyDescription_GetDeviceDescriptions", (ref ArrayArguments arguments) => Give(
            ref arguments, _objects.Get<Topology>(arguments.Subject).Devices));
        Define("TopologyDescription_Attributes", (ref ArrayArguments arguments) =>
            (arguments.First, arguments.Count) = Attributes(
                ("name", _objects.Get<Topology>(arguments.Subject).Name)));
        Define("TopologyDescription_Serialize", (ref SerializeArguments arguments) => Serialize(
            ref arguments, $"topology {_objects.Get<Topology>(arguments.Subject).Name}"));
        Define("TopologyDescription_Deserialize", (ref TopologyDeserializeArguments arguments) =>
        {
            var text = Read(arguments.Bytes, arguments.Count);
            arguments.Topology = text.StartsWith("topology ", StringComparison.Ordinal)
                ? AddTopology(text["topology ".Length..])
                : throw new FakeErrorException(InvalidArgument, "These bytes are no topology.");
        });
    }

    private nint AddTopology(string name) => name.StartsWith("fake:", StringComparison.Ordinal)
        ? _objects.Add(new Topology(name) { Devices = AddDevices(0) })
        : throw new FakeErrorException(InvalidArgument, $"Invalid external name: {name}");

    private nint[] AddDevices(nint client) =>
        [.. Enumerable.Range(0, DeviceCount).Select(id => _objects.Add(new Device(id, client)))];

    private void RemoveDevices(nint[] devices)
    {
        foreach (var device in devices)
        {
            _objects.Remove<Device>(device);
        }
    }

    private void Say<T>(ref ArrayArguments arguments, string text)
        where T : class
    {
        _objects.Get<T>(arguments.Subject);
        (arguments.First, arguments.Count) = Text(text);
    }

    private static void Give(ref ArrayArguments arguments, nint[] values) =>
        (arguments.First, arguments.Count) = (Copy(values), (nuint)values.Length);

    private void Serialize(ref SerializeArguments arguments, string text)
    {
        var owner = new SerializedBytes();
        (arguments.Bytes, arguments.Count) = Text(text);
        arguments.Owner = _objects.Add(owner);
        Deleter deleter = address =>
        {
            lock (_gate)
            {
                _objects.Remove<SerializedBytes>(address);
            }
        };
        _functions.Add(deleter);
        arguments.Deleter = System.Runtime.InteropServices.Marshal.GetFunctionPointerForDelegate(deleter);
    }

    private sealed class Client
    {
        public nint[] Devices { get; set; } = [];

        public nint? Topology { get; set; }
    }

    private sealed record Device(int Id, nint Client);

    private sealed record Topology(string Name)
    {
        public required nint[] Devices { get; init; }
    }

    private sealed class SerializedBytes;
}
