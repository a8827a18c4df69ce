using Workflows.TestKit.Pjrt;
using Workflows.TpuWorker.Pjrt;

namespace Workflows.Pjrt.Tests.Fake;

/// <summary>Each call fails once, with a code of its own: it arrives typed, and nothing is left behind.</summary>
public sealed class FailureTests
{
    private static readonly Dictionary<string, Action<PjrtPlugin>> Uses = new(StringComparer.Ordinal)
    {
        ["Client_Create"] = plugin => PjrtClient.Create(plugin).Dispose(),
        ["Client_Devices"] = plugin => PjrtClient.Create(plugin).Dispose(),
        ["Client_AddressableDevices"] = plugin => PjrtClient.Create(plugin).Dispose(),
        ["Device_GetDescription"] = plugin => PjrtClient.Create(plugin).Dispose(),
        ["Device_IsAddressable"] = plugin => PjrtClient.Create(plugin).Dispose(),
        ["DeviceDescription_Id"] = plugin => PjrtClient.Create(plugin).Dispose(),
        ["DeviceDescription_ProcessIndex"] = plugin => PjrtClient.Create(plugin).Dispose(),
        ["DeviceDescription_Kind"] = plugin => PjrtClient.Create(plugin).Dispose(),
        ["DeviceDescription_ToString"] = With(client => client.Devices[0].ToString()),
        ["DeviceDescription_Attributes"] = With(client => _ = client.Devices[0].Attributes),
        ["Device_LocalHardwareId"] = With(client => client.Devices[0].ReadLocalHardwareId()),
        ["Device_MemoryStats"] = With(client => client.Devices[0].ReadMemory()),
        ["Client_PlatformName"] = With(client => _ = client.PlatformName),
        ["Client_PlatformVersion"] = With(client => _ = client.PlatformVersion),
        ["Client_ProcessIndex"] = With(client => _ = client.ProcessIndex),
        ["Client_TopologyDescription"] = With(client => client.GetTopology().Dispose()),
        ["Client_Compile"] = With(client => client.Compile(Programs.Add).Dispose()),
        ["LoadedExecutable_GetExecutable"] = With(client => client.Compile(Programs.Add).Dispose()),
        ["Executable_NumOutputs"] = With(client => client.Compile(Programs.Add).Dispose()),
        ["LoadedExecutable_AddressableDevices"] = With(client => client.Compile(Programs.Add).Dispose()),
        ["Executable_DeserializeAndLoad"] = With(client => client.Load([1]).Dispose()),
        ["LoadedExecutable_Execute"] = WithProgram(
            (program, argument) => program.Execute([argument, argument]).Dispose()),
        ["Executable_Name"] = WithExecutable(executable => _ = executable.Name),
        ["Executable_NumReplicas"] = WithExecutable(executable => _ = executable.Replicas),
        ["Executable_NumPartitions"] = WithExecutable(executable => _ = executable.Partitions),
        ["Executable_SizeOfGeneratedCodeInBytes"] = WithExecutable(executable => _ = executable.CodeBytes),
        ["Executable_Fingerprint"] = WithExecutable(executable => executable.ReadFingerprint()),
        ["Executable_GetCostAnalysis"] = WithExecutable(executable => executable.ReadCost()),
        ["Executable_GetCompiledMemoryStats"] = WithExecutable(executable => executable.ReadMemory()),
        ["Executable_OutputElementTypes"] = WithExecutable(executable => executable.ReadOutputShapes()),
        ["Executable_OutputDimensions"] = WithExecutable(executable => executable.ReadOutputShapes()),
        ["Executable_Serialize"] = WithExecutable(executable => executable.Serialize()),
        ["Client_BufferFromHostBuffer"] = WithBuffer(_ => { }),
        ["Buffer_ToHostBuffer"] = WithBuffer(buffer => FakePrograms.Download(buffer)),
        ["Event_Await"] = WithBuffer(buffer => FakePrograms.Download(buffer)),
        ["Event_OnReady"] = WithBuffer(buffer => buffer.ReadyAsync().GetAwaiter().GetResult()),
        ["Buffer_ReadyEvent"] = WithBuffer(buffer => buffer.ReadyAsync().GetAwaiter().GetResult()),
        ["Buffer_ElementType"] = WithBuffer(buffer => _ = buffer.Shape),
        ["Buffer_Dimensions"] = WithBuffer(buffer => _ = buffer.Shape),
        ["Buffer_Device"] = WithBuffer(buffer => _ = buffer.Device),
        ["Buffer_OnDeviceSizeInBytes"] = WithBuffer(buffer => _ = buffer.OnDeviceBytes),
        ["Buffer_IsDeleted"] = WithBuffer(buffer => _ = buffer.IsDeleted),
        ["Buffer_Delete"] = WithBuffer(buffer => buffer.Delete()),
        ["Buffer_CopyToDevice"] = WithBuffer(buffer => buffer.CopyTo(buffer.Client.Devices[1]).Dispose()),
        ["TopologyDescription_Create"] = WithTopology(_ => { }),
        ["TopologyDescription_PlatformName"] = WithTopology(topology => _ = topology.PlatformName),
        ["TopologyDescription_PlatformVersion"] = WithTopology(topology => _ = topology.PlatformVersion),
        ["TopologyDescription_GetDeviceDescriptions"] = WithTopology(topology => topology.ReadDevices()),
        ["TopologyDescription_Attributes"] = WithTopology(topology => _ = topology.Attributes),
        ["TopologyDescription_Serialize"] = WithTopology(topology => topology.Serialize()),
        ["TopologyDescription_Deserialize"] = plugin => PjrtTopology.Deserialize(plugin, [1]).Dispose(),
        ["Compile"] = WithTopology(topology => topology.Compile(Programs.Add).Dispose()),
    };

    public static TheoryData<string> Functions => [.. Uses.Keys];

    [Theory]
    [MemberData(nameof(Functions))]
    public void Call_ThatFails_ThrowsItsCodeAndLeavesNothing(string function)
    {
        var fake = new FakePlugin();
        FakePrograms.Register(fake);
        var plugin = PjrtPlugin.FromTable(fake.Table, "fake");
        fake.FailNext(function, 8, "Out of memory on HBM.");

        var exception = Assert.Throws<PjrtException>(() => Uses[function](plugin));

        Assert.Equal(PjrtErrorCode.ResourceExhausted, exception.Code);
        Assert.Equal("Out of memory on HBM.", exception.Text);
        Assert.Equal(function.Replace("_", "", StringComparison.Ordinal), exception.Operation);
        Assert.Empty(fake.Violations);
        Assert.Empty(fake.Leaks);
    }

    [Fact]
    public void Initialize_ThatFails_CanBeTriedAgain()
    {
        var fake = new FakePlugin();
        fake.FailNext("Plugin_Initialize", 10, "The TPU is already in use by process with pid 7.");

        var exception = Assert.Throws<PjrtException>(() => PjrtPlugin.FromTable(fake.Table, "fake"));

        Assert.Equal(PjrtErrorCode.Aborted, exception.Code);
        Assert.NotNull(PjrtPlugin.FromTable(fake.Table, "fake"));
        Assert.Empty(fake.Leaks);
    }

    [Fact]
    public void Error_WhoseCodeCannotBeRead_IsUnknown()
    {
        var fake = new FakePlugin();
        var plugin = PjrtPlugin.FromTable(fake.Table, "fake");
        fake.FailNext("Client_Create", 5, "No device.");
        fake.FailNext("Error_GetCode", 13, "No code.");

        var exception = Assert.Throws<PjrtException>(() => PjrtClient.Create(plugin));

        Assert.Equal((PjrtErrorCode.Unknown, "No device."), (exception.Code, exception.Text));
        Assert.Empty(fake.Leaks);
    }

    [Theory]
    [InlineData("Buffer_Destroy")]
    [InlineData("Event_Destroy")]
    [InlineData("LoadedExecutable_Destroy")]
    [InlineData("Executable_Destroy")]
    [InlineData("Client_Destroy")]
    public void Destroy_ThatFails_DoesNotThrow(string function)
    {
        var fake = new FakePlugin();
        FakePrograms.Register(fake);
        fake.FailNext(function, 13, "Refused.");

        WithProgram((program, argument) => program.Execute([argument, argument]).Dispose())(
            PjrtPlugin.FromTable(fake.Table, "fake"));

        Assert.DoesNotContain("FakeError", fake.Leaks);
    }

    private static Action<PjrtPlugin> With(Action<PjrtClient> use) => plugin =>
    {
        using var client = PjrtClient.Create(plugin);
        use(client);
    };

    private static Action<PjrtPlugin> WithBuffer(Action<PjrtBuffer> use) => With(client =>
    {
        using var buffer = FakePrograms.Upload(client, 1);
        use(buffer);
    });

    private static Action<PjrtPlugin> WithProgram(Action<PjrtLoadedExecutable, PjrtBuffer> use) => With(client =>
    {
        using var program = client.Compile(Programs.Add);
        using var argument = FakePrograms.Upload(client, 1);
        use(program, argument);
    });

    private static Action<PjrtPlugin> WithExecutable(Action<PjrtExecutable> use) =>
        WithProgram((program, _) => use(program.Executable));

    private static Action<PjrtPlugin> WithTopology(Action<PjrtTopology> use) => plugin =>
    {
        using var topology = PjrtTopology.Create(plugin, "fake:2x2");
        use(topology);
    };
}
