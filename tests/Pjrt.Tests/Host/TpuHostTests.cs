using Workflows.TestKit;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Host;

namespace Workflows.Pjrt.Tests.Host;

/// <summary>Hosts as their kernels show them, laid out in a folder.</summary>
public sealed class TpuHostTests : IDisposable
{
    private readonly TemporaryFolder _root = new();

    [Theory]
    [InlineData("0x0063", "v5e", 1)]
    [InlineData("0x0063", "v5e", 8)]
    [InlineData("0x006f", "v6e", 4)]
    [InlineData("0x0062", "v5p", 4)]
    [InlineData("0x005e", "v4", 4)]
    [InlineData("0x0027", "v2/v3", 4)]
    [InlineData("0x0076", "tpu7x", 2)]
    public void Read_OfAHostWithChips_TellsTheirNumberAndGeneration(string device, string name, int count)
    {
        AddChips(device, count);
        AddPci("0000:00:01.0", "0x8086", "0x7110");
        AddPci("0000:00:02.0", "0x1ae0", "0x0042");
        AddNodes(name is "v4" or "v2/v3" ? "dev/accel" : "dev/vfio/", count);

        var host = TpuHost.Read(_root.Path);

        Assert.Equal((name, count), (host.Generation?.Name, host.ChipCount));
        Assert.Equal(count, host.DeviceNodes.Count);
        Assert.Empty(host.Users);
        host.Require();
    }

    [Fact]
    public void Read_OfAnEmptyFolder_FindsNoChips()
    {
        var host = TpuHost.Read(_root.Path);

        Assert.Equal((0, null, false), (host.ChipCount, host.Generation, host.IsComputeEngine));
        Assert.Equal(TpuProblem.NoChips, Assert.Throws<TpuHostException>(host.Require).Problem);
    }

    // Google's network card has the same vendor number.
    [Fact]
    public void Read_OfAMachineOfComputeEngineWithoutTpu_FindsNoChips()
    {
        AddPci("0000:00:02.0", "0x1ae0", "0x0042");
        AddPci("0000:00:03.0", "rubbish", "");
        Write("sys/devices/virtual/dmi/id/product_name", "Google Compute Engine\n");

        var host = TpuHost.Read(_root.Path);

        Assert.Equal((0, true), (host.ChipCount, host.IsComputeEngine));
        Assert.Equal("1", host.LibraryEnvironment()["TPU_SKIP_MDS_QUERY"]);
    }

    [Fact]
    public void Require_WithoutDeviceNodes_SaysSo()
    {
        AddChips("0x0063", 4);
        Write("dev/vfio/vfio", "");

        var exception = Assert.Throws<TpuHostException>(TpuHost.Read(_root.Path).Require);

        Assert.Equal(TpuProblem.NoDeviceNodes, exception.Problem);
        Assert.Contains("/dev/vfio", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Require_WithAnotherProcessOnTheChips_NamesIt()
    {
        AddChips("0x0063", 4);
        AddNodes("dev/vfio/", 4);
        AddProcess(71, "sshd", "/dev/null");
        AddProcess(72, "python3", "/dev/vfio/2");
        AddProcess(Environment.ProcessId, "self", "/dev/vfio/1");
        Write("tmp/libtpu_lockfile", "");

        var host = TpuHost.Read(_root.Path);
        var exception = Assert.Throws<TpuHostException>(host.Require);

        Assert.Equal(TpuProblem.InUse, exception.Problem);
        Assert.Contains("python3 (process 72)", exception.Message, StringComparison.Ordinal);
        Assert.Equal([new TpuUser(72, "python3")], host.Users);
        Assert.Equal("/tmp/libtpu_lockfile", host.LockFilePath);
    }

    [Fact]
    public void Read_OfTwoGenerations_IsRefused()
    {
        AddChips("0x0063", 1);
        AddPci("0000:01:09.0", "0x1ae0", "0x006f");

        var exception = Assert.Throws<TpuHostException>(() => TpuHost.Read(_root.Path));

        Assert.Equal(TpuProblem.UnknownShape, exception.Problem);
    }

    [Theory]
    [InlineData(1, "1,1,1", "0")]
    [InlineData(4, "2,2,1", "0,1,2,3")]
    [InlineData(8, "2,4,1", "0,1,2,3,4,5,6,7")]
    public void LibraryEnvironment_OfOneHost_TakesAllItsChips(int count, string bounds, string visible)
    {
        AddChips("0x0063", count);
        Write("sys/devices/virtual/dmi/id/product_name", "Google Compute Engine\n");

        Assert.Equal(
            new Dictionary<string, string>
            {
                ["TPU_CHIPS_PER_PROCESS_BOUNDS"] = bounds,
                ["TPU_PROCESS_BOUNDS"] = "1,1,1",
                ["TPU_VISIBLE_CHIPS"] = visible,
            },
            TpuHost.Read(_root.Path).LibraryEnvironment());
    }

    [Fact]
    public void LibraryEnvironment_OfAnOddNumber_IsRefused()
    {
        AddChips("0x0063", 3);

        var exception = Assert.Throws<TpuHostException>(() => TpuHost.Read(_root.Path).LibraryEnvironment());

        Assert.Contains("3 chips, wanted 1, 2, 4, 8", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Explain_OfAPluginsError_TellsNoChipsFromChipsInUse()
    {
        var none = TpuHost.Explain(new PjrtException(
            PjrtErrorCode.NotFound, "ClientCreate", "TPU initialization failed: No jellyfish device found."));
        var used = TpuHost.Explain(new PjrtException(
            PjrtErrorCode.Aborted, "ClientCreate", "The TPU is already in use by process with pid 7."));

        Assert.Equal(TpuProblem.NoChips, none?.Problem);
        Assert.Equal(TpuProblem.InUse, used?.Problem);
        Assert.Contains("pid 7", used?.Message, StringComparison.Ordinal);
        Assert.Null(TpuHost.Explain(new PjrtException(PjrtErrorCode.Internal, "ClientCreate", "in use")));
    }

    [Fact]
    public void Read_OfThisHost_Works() => Assert.InRange(TpuHost.Read().ChipCount, 0, 1024);

    public void Dispose() => _root.Dispose();

    private void AddChips(string device, int count)
    {
        for (var chip = 0; chip < count; chip++)
        {
            AddPci($"0000:0{chip}:05.0", "0x1ae0", device);
        }
    }

    private void AddPci(string name, string vendor, string device)
    {
        Write($"sys/bus/pci/devices/{name}/vendor", $"{vendor}\n");
        Write($"sys/bus/pci/devices/{name}/device", $"{device}\n");
    }

    private void AddNodes(string prefix, int count)
    {
        for (var chip = 0; chip < count; chip++)
        {
            Write($"{prefix}{chip}", "");
        }
    }

    private void AddProcess(int id, string name, string opened)
    {
        Write($"proc/{id}/comm", $"{name}\n");
        Directory.CreateDirectory(_root[$"proc/{id}/fd"]);
        File.CreateSymbolicLink(_root[$"proc/{id}/fd/3"], opened);
    }

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_root[name])!);
        _root.Write(name, text);
    }
}
