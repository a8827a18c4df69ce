using Workflows.TestKit.Pjrt;
using Workflows.TpuWorker.Pjrt;

namespace Workflows.Pjrt.Tests.Fake;

/// <summary>Donation, devices, layouts and statistics.</summary>
public sealed class ExecutionTests
{
    [Fact]
    public void Execute_WithADonatedBuffer_DeletesItForGood()
    {
        var (fake, client) = FakePrograms.Start();
        using var program = client.Compile(Programs.Step);
        using var state = FakePrograms.Upload(client, 0);
        using var addend = FakePrograms.Upload(client, 1);

        using var first = program.Execute([state, addend]);

        Assert.True(state.IsDeleted);
        Assert.False(addend.IsDeleted);
        Assert.All<Action>(
            [
                () => program.Execute([state, addend]), () => FakePrograms.Download(state),
                () => state.CopyTo(client.Devices[1]), () => _ = state.OnDeviceBytes,
            ],
            use =>
            {
                var exception = Assert.Throws<PjrtException>(use);
                Assert.Equal(PjrtErrorCode.InvalidArgument, exception.Code);
                Assert.Contains("deleted or donated", exception.Text, StringComparison.Ordinal);
            });
        Assert.Empty(fake.Violations);
    }

    [Fact]
    public void Execute_WithAVeto_KeepsTheBuffer()
    {
        var (_, client) = FakePrograms.Start();
        using var program = client.Compile(Programs.Step);
        using var state = FakePrograms.Upload(client, 0);
        using var addend = FakePrograms.Upload(client, 1);

        using var execution = program.Execute([state, addend], new PjrtExecuteOptions { NotDonated = [0] });

        Assert.Equal([0, 1, 2, 3], FakePrograms.Download(state));
    }

    [Fact]
    public void ExecuteOnAll_WithTwoPartitions_RunsOnTheirDevices()
    {
        var (_, client) = FakePrograms.Start();
        var options = new PjrtCompileOptions { Partitions = 2, DeviceIds = [[3], [1]] };
        using var program = client.Compile(Programs.Add, options);
        Assert.Equal([3, 1], program.Devices.Select(device => device.Id));
        var arguments = program.Devices
            .Select((device, index) => new[]
            {
                FakePrograms.Upload(client, index, device), FakePrograms.Upload(client, 9, device),
            })
            .ToArray();

        using var execution = program.ExecuteOnAll(arguments);

        Assert.Equal([9, 11, 13, 15], FakePrograms.Download(execution.Outputs[0][0]));
        Assert.Equal([10, 12, 14, 16], FakePrograms.Download(execution.Outputs[1][0]));
        Assert.Equal([3, 1], execution.Outputs.Select(outputs => outputs[0].Device.Id));
        Assert.Throws<ArgumentException>(() => program.ExecuteOnAll([arguments[0]]));
        Assert.Throws<ArgumentException>(() => program.ExecuteOnAll([arguments[0], [arguments[1][0]]]));
        Assert.All(arguments.SelectMany(list => list), buffer => buffer.Dispose());
    }

    [Fact]
    public void Execute_WithABufferOfAnotherClient_IsRefused()
    {
        var (_, client) = FakePrograms.Start();
        var (_, other) = FakePrograms.Start();
        using var program = client.Compile(Programs.Add);
        using var mine = FakePrograms.Upload(client, 0);
        using var theirs = FakePrograms.Upload(other, 0);

        Assert.Contains(
            "another client", Assert.Throws<ArgumentException>(() => program.Execute([mine, theirs])).Message,
            StringComparison.Ordinal);
    }

    // The fake device's own layout has the first dimension fastest, as a TPU may have.
    [Fact]
    public void Download_FromADeviceWithItsOwnLayout_IsDense()
    {
        var (_, client) = FakePrograms.Start();
        float[] values = [.. Enumerable.Range(0, 24).Select(value => (float)value)];
        using var buffer = client.Upload<float>(values, PjrtElementType.F32, [2, 3, 4]);

        Assert.Equal(values, FakePrograms.Download(buffer));
    }

    [Fact]
    public void Create_WithOptions_GivesEachItsType()
    {
        var fake = new FakePlugin();
        using var client = PjrtClient.Create(
            PjrtPlugin.FromTable(fake.Table, "fake"),
            new Dictionary<string, object>
            {
                ["allocator"] = "bfc",
                ["preallocate"] = false,
                ["memory_fraction"] = 0.75f,
                ["node_id"] = 3,
                ["visible_devices"] = new long[] { 0, 2 },
                ["한글"] = "값",
            });

        Assert.Equal(("bfc", false), (fake.LastOptions["allocator"], fake.LastOptions["preallocate"]));
        Assert.Equal((0.75f, 3L, "값"), (
            fake.LastOptions["memory_fraction"], fake.LastOptions["node_id"], fake.LastOptions["한글"]));
        Assert.Equal(new long[] { 0, 2 }, fake.LastOptions["visible_devices"]);
        Assert.Empty(fake.Violations);
    }

    [Fact]
    public void Statistics_OfAPlugin_AreReadFieldByField()
    {
        var (_, client) = FakePrograms.Start();
        using var program = client.Compile(Programs.Step);
        var memory = program.Executable.ReadMemory()!;
        var device = client.Devices[2].ReadMemory()!;

        Assert.Equal((1234, 16, 20, 16, 5678), (
            memory.Code, memory.Arguments, memory.Outputs, memory.Aliased, memory.Temporaries));
        Assert.Equal(1234 + 16 + 20 - 16 + 5678, memory.Total);
        Assert.Equal((16_909_332_480, null), (device.BytesLimit, device.PeakBytesInUse));
        Assert.Equal(12, program.Executable.ReadCost()!["flops"]);
        Assert.Equal(34, program.Executable.ReadCost()!["bytes accessed"]);
        Assert.Equal(1234, program.Executable.CodeBytes);
        Assert.Equal(
            [new PjrtShape(PjrtElementType.F32), new PjrtShape(PjrtElementType.F32, 4)],
            program.Executable.ReadOutputShapes());
        Assert.Equal(
            (2, 0, 2, "Fake v1", "FakeDevice(2)"),
            (client.Devices[2].Id, client.Devices[2].ProcessIndex, client.Devices[2].ReadLocalHardwareId(),
                client.Devices[2].Kind, client.Devices[2].ToString()));
        Assert.Equal(16_909_332_480L, client.Devices[2].Attributes["device_memory_bytes_limit"]);
    }

    [Fact]
    public void Statistics_ThatAPluginDoesNotKeep_AreNull()
    {
        var (fake, client) = FakePrograms.Start();
        using var program = client.Compile(Programs.Step);
        string[] functions =
        [
            "Device_MemoryStats", "Executable_GetCostAnalysis", "Executable_GetCompiledMemoryStats",
            "Executable_Fingerprint", "Executable_SizeOfGeneratedCodeInBytes", "Device_LocalHardwareId",
        ];
        Array.ForEach(functions, fake.Remove);

        Assert.Null(client.Devices[0].ReadMemory());
        Assert.Null(client.Devices[0].ReadLocalHardwareId());
        Assert.Null(program.Executable.ReadCost());
        Assert.Null(program.Executable.ReadMemory());
        Assert.Null(program.Executable.ReadFingerprint());
        Assert.Null(program.Executable.CodeBytes);
    }
}
