using Workflows.TpuWorker.Pjrt;

namespace Workflows.Pjrt.Tests.Binding;

/// <summary>Client, buffers and executables of a real plugin.</summary>
public sealed class ClientTests
{
    [Fact]
    public async Task Create_OfAClient_TellsPlatformAndDevices()
    {
        using var client = PjrtClient.Create((await CpuPlugin.ClientOrSkipAsync()).Plugin);

        Assert.NotEmpty(client.PlatformName);
        Assert.NotEmpty(client.PlatformVersion);
        Assert.Equal(0, client.ProcessIndex);
        Assert.NotEmpty(client.AddressableDevices);
        Assert.All(client.AddressableDevices, device =>
        {
            Assert.True(device.IsAddressable);
            Assert.NotEmpty(device.Kind);
            Assert.NotEmpty(device.ToString());
            Assert.NotNull(device.Attributes);
        });
        Assert.Equal(client.Devices.Count, client.Devices.Select(device => device.Id).Distinct().Count());
    }

    [Fact]
    public async Task Create_WithAnOptionOfAnotherType_NamesTheOption()
    {
        var plugin = (await CpuPlugin.ClientOrSkipAsync()).Plugin;

        var exception = Assert.Throws<ArgumentException>(
            () => PjrtClient.Create(plugin, new Dictionary<string, object> { ["cpu_device_count"] = 4m }));

        Assert.Contains("'cpu_device_count'", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_WithTwoDevices_HasTwo()
    {
        var plugin = (await CpuPlugin.ClientOrSkipAsync()).Plugin;
        using var client = PjrtClient.Create(plugin, new Dictionary<string, object> { ["cpu_device_count"] = 2 });

        if (client.PlatformName == "cpu")
        {
            Assert.Equal(2, client.AddressableDevices.Count);
        }
    }

    [Fact]
    public async Task ReadMemory_OfADevice_IsKnownOrNull()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();

        var memory = client.AddressableDevices[0].ReadMemory();

        Assert.True(memory is null || memory.BytesInUse >= 0, $"{memory}");
        Assert.True(client.PlatformName != "cpu" || memory is null, $"{memory}");
    }

    [Theory]
    [InlineData(PjrtElementType.F32)]
    [InlineData(PjrtElementType.BF16)]
    [InlineData(PjrtElementType.S32)]
    [InlineData(PjrtElementType.U32)]
    [InlineData(PjrtElementType.Pred)]
    public async Task Download_OfAnUploadedArray_GivesItsBytes(PjrtElementType type)
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        var shape = new PjrtShape(type, 3, 5, 7);
        var data = new byte[shape.Bytes];
        new Random(5).NextBytes(data);
        if (type == PjrtElementType.Pred)
        {
            data = [.. data.Select(value => (byte)(value & 1))];
        }

        using var buffer = client.Upload<byte>(data, type, shape.Dimensions);
        var back = new byte[data.Length];
        buffer.Download<byte>(back);
        using var other = await client.UploadAsync(data, shape, client.AddressableDevices[^1]);
        var otherBack = new byte[data.Length];
        await other.DownloadAsync(otherBack);

        Assert.Equal(data, back);
        Assert.Equal(data, otherBack);
        Assert.Equal(shape, buffer.Shape);
        Assert.InRange(buffer.OnDeviceBytes, shape.Bytes, long.MaxValue);
        Assert.Equal(client.AddressableDevices[0].Id, buffer.Device.Id);
        Assert.Equal(client.AddressableDevices[^1].Id, other.Device.Id);
    }

    [Fact]
    public async Task Upload_OfScalarAndOfNothing_RoundTrips()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        using var scalar = client.Upload<float>([2.5f], PjrtElementType.F32, []);
        using var empty = client.Upload<float>([], PjrtElementType.F32, [0, 4]);
        var back = new float[1];

        scalar.Download<float>(back);
        empty.Download<float>([]);

        Assert.Equal(2.5f, back[0]);
        Assert.Equal(0, empty.Shape.Bytes);
    }

    [Fact]
    public async Task Upload_OfTheWrongLength_IsRefused()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        using var buffer = client.Upload<float>([1, 2, 3, 4], PjrtElementType.F32, [2, 2]);

        var upload = Assert.Throws<ArgumentException>(
            () => client.Upload<float>([1, 2, 3], PjrtElementType.F32, [2, 2]));
        var download = Assert.Throws<ArgumentException>(() => buffer.Download<float>(new float[5]));

        Assert.Contains("12 bytes, wanted 16 for F32[2,2]", upload.Message, StringComparison.Ordinal);
        Assert.Contains("20 bytes, wanted 16 for F32[2,2]", download.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => client.Upload<float>([], PjrtElementType.F32, [-1]));
    }

    [Fact]
    public async Task Delete_OfABuffer_FreesItOnce()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        using var buffer = client.Upload<float>([1, 2], PjrtElementType.F32, [2]);

        Assert.False(buffer.IsDeleted);
        buffer.Delete();

        Assert.True(buffer.IsDeleted);
        Assert.Throws<PjrtException>(() => buffer.Download<float>(new float[2]));
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => buffer.IsDeleted);
    }

    [Fact]
    public async Task CopyTo_AnotherDevice_GivesTheSameElements()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        using var buffer = client.Upload<float>([1, 2], PjrtElementType.F32, [2]);
        using var copy = buffer.CopyTo(client.AddressableDevices[^1]);
        var back = new float[2];

        await copy.ReadyAsync();
        copy.Download<float>(back);

        Assert.Equal([1, 2], back);
    }

    [Theory]
    [InlineData("rubbish")]
    [InlineData("module { func.func public @main() -> tensor<f32> { return %nothing : tensor<f32> } }")]
    [InlineData("module { func.func public @main() { %0 = stablehlo.nothing : tensor<4xf32> return } }")]
    public async Task Compile_OfRubbish_FailsWithTheParsersWords(string program)
    {
        var client = await CpuPlugin.ClientOrSkipAsync();

        var exception = Assert.Throws<PjrtException>(() => client.Compile(program));

        Assert.NotEqual(PjrtErrorCode.Ok, exception.Code);
        Assert.Contains("error:", exception.Text, StringComparison.Ordinal);
        Assert.Equal("ClientCompile", exception.Operation);
    }

    [Fact]
    public async Task Load_OfRubbish_Fails()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();

        Assert.Throws<PjrtException>(() => client.Load([1, 2, 3, 4, 5]));
    }

    [Fact]
    public async Task Execute_WithOneArgumentTooFew_FailsWithInvalidArgument()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        using var program = client.Compile(Programs.Add);
        using var argument = client.Upload<float>([1, 2, 3, 4], PjrtElementType.F32, [4]);

        var exception = Assert.Throws<PjrtException>(() => program.Execute([argument]));

        Assert.Equal(PjrtErrorCode.InvalidArgument, exception.Code);
    }

    [Fact]
    public async Task Execute_OfAStep_TakesTheStatesMemory()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        using var program = client.Compile(Programs.Step);
        using var addend = client.Upload<float>([1, 2, 3, 4], PjrtElementType.F32, [4]);
        var state = client.Upload<float>(new float[4], PjrtElementType.F32, [4]);
        var sum = new float[1];

        for (var step = 1; step <= 3; step++)
        {
            var execution = program.Execute([state, addend]);
            execution.Outputs[0][0].Download<float>(sum);
            Assert.True(state.IsDeleted);
            Assert.Equal(10f * step, sum[0]);
            state.Dispose();
            execution.Outputs[0][0].Dispose();
            state = execution.Outputs[0][1];
        }

        state.Dispose();
        Assert.Equal(16, program.Executable.ReadMemory()!.Aliased);
    }

    [Fact]
    public async Task Executable_OfAProgram_TellsWhatItIs()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        using var program = client.Compile(Programs.Step);
        var executable = program.Executable;

        Assert.Contains("step", executable.Name, StringComparison.Ordinal);
        Assert.Equal((2, 1, 1), (executable.OutputCount, executable.Replicas, executable.Partitions));
        Assert.Equal(
            [new PjrtShape(PjrtElementType.F32), new PjrtShape(PjrtElementType.F32, 4)], executable.ReadOutputShapes());
        Assert.Equal(32, executable.ReadMemory()!.Arguments);
        Assert.True(executable.ReadCost() is null or { Count: > 0 });
        using var other = client.Compile(Programs.Add);
        Assert.True(
            executable.ReadFingerprint() is not { } print || print != other.Executable.ReadFingerprint());
    }

    [Fact]
    public async Task ExecuteOnAll_OfASplitProgram_RunsOnFourDevices()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        TestKit.Skipped.Unless(client.AddressableDevices.Count >= 4, "The plugin has fewer than 4 devices.");
        using var program = client.Compile(
            Programs.Sharded, new PjrtCompileOptions { Partitions = 4, UseSpmd = true });
        Assert.Equal(4, program.Devices.Count);
        var arguments = program.Devices.Select((device, index) => new[]
        {
            client.Upload<float>([index, 1, index, 1], PjrtElementType.F32, [2, 2], device),
            client.Upload<float>([1, 2, 3, 10, 20, 30], PjrtElementType.F32, [2, 3], device),
        }).ToArray();

        using var execution = program.ExecuteOnAll(arguments);
        await execution.Completed;

        Assert.Equal(4, execution.Outputs.Count);
        Assert.All(execution.Outputs, outputs =>
        {
            var sums = new float[3];
            outputs[0].Download<float>(sums);
            Assert.Equal([92, 184, 276], sums);
        });
        Assert.Throws<ArgumentException>(() => program.Execute(arguments[0]));
        Assert.All(arguments.SelectMany(list => list), buffer => buffer.Dispose());
    }

    [Fact]
    public async Task Execute_OfAPortableProgram_RunsOnTheDeviceThatIsNamed()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        using var program = client.Compile(Programs.Add, new PjrtCompileOptions { IsPortable = true });
        var device = client.AddressableDevices[^1];
        using var argument = client.Upload<float>([1, 2, 3, 4], PjrtElementType.F32, [4], device);

        using var execution = program.Execute([argument, argument], new PjrtExecuteOptions { Device = device });

        var sums = new float[4];
        execution.Outputs[0][0].Download<float>(sums);
        Assert.Equal([2, 4, 6, 8], sums);
        Assert.Equal(device.Id, execution.Outputs[0][0].Device.Id);
        Assert.Contains(
            "portable", Assert.Throws<ArgumentException>(() => program.Execute([argument, argument])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dispose_OfAClientBeforeItsBuffers_LeavesThemUsable()
    {
        var client = PjrtClient.Create((await CpuPlugin.ClientOrSkipAsync()).Plugin);
        var program = client.Compile(Programs.Add);
        var argument = client.Upload<float>([1, 2, 3, 4], PjrtElementType.F32, [4]);

        client.Dispose();
        var execution = program.Execute([argument, argument]);
        var sums = new float[4];
        execution.Outputs[0][0].Download<float>(sums);

        Assert.Equal([2, 4, 6, 8], sums);
        program.Dispose();
        argument.Dispose();
        execution.Dispose();
    }

    [Fact]
    public async Task Create_OfATopologyOnACpu_IsRefused()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        TestKit.Skipped.Unless(client.PlatformName == "cpu", "The plugin is not for CPUs.");

        var exception = Assert.Throws<PjrtException>(() => PjrtTopology.Create(client.Plugin, "v5e:2x2"));

        Assert.NotEmpty(exception.Text);
    }
}
