using Workflows.TpuWorker.Pjrt;

namespace Workflows.Pjrt.Tests.Binding;

public sealed class CompileOptionsTests
{
    private const string Unset = "08ffffffffffffffffff01";

    [Fact]
    public void ToBytes_OfDefaults_HasOneReplicaAndOnePartition() =>
        Assert.Equal($"1a0f{Unset}20012801", Hex(new PjrtCompileOptions()));

    [Fact]
    public void ToBytes_OfAPortableProgram_LeavesTheDeviceOpen() =>
        Assert.Equal($"1a0f{Unset}200128012001", Hex(new PjrtCompileOptions { IsPortable = true }));

    // The bytes that protoc makes of the same message.
    [Fact]
    public void ToBytes_OfAFixedDevice_HasItsAssignment() => Assert.Equal(
        $"1a1f{Unset}2001280130014a09080110011a030a0100980101",
        Hex(new PjrtCompileOptions { UseSpmd = true, UseShardy = true, DeviceIds = [[0]] }));

    [Fact]
    public void ToBytes_OfFlags_DoesNotDependOnTheirOrder()
    {
        var first = new PjrtCompileOptions { Flags = new Dictionary<string, object> { ["a"] = true, ["b"] = 300L } };
        var second = new PjrtCompileOptions { Flags = new Dictionary<string, object> { ["b"] = 300, ["a"] = true } };

        Assert.Equal(Hex(first), Hex(second));
        Assert.EndsWith("3a070a0161120210013a080a0162120318ac02", Hex(first), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(1, -3)]
    public void ToBytes_OfNoDevices_IsRefused(int replicas, int partitions)
    {
        var options = new PjrtCompileOptions { Replicas = replicas, Partitions = partitions };

        var exception = Assert.Throws<ArgumentException>(options.ToBytes);

        Assert.Contains("at least 1", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ToBytes_OfContradictions_IsRefused()
    {
        Assert.Throws<ArgumentException>(new PjrtCompileOptions { Partitions = 2, DeviceIds = [[0]] }.ToBytes);
        Assert.Throws<ArgumentException>(new PjrtCompileOptions { DeviceIds = [[0, 1]] }.ToBytes);
        Assert.Throws<ArgumentException>(new PjrtCompileOptions { Partitions = 2, IsPortable = true }.ToBytes);
        var flag = new PjrtCompileOptions { Flags = new Dictionary<string, object> { ["a"] = 'x' } };
        Assert.Contains("'a'", Assert.Throws<ArgumentException>(flag.ToBytes).Message, StringComparison.Ordinal);
    }

    private static string Hex(PjrtCompileOptions options) => Convert.ToHexStringLower(options.ToBytes());
}
