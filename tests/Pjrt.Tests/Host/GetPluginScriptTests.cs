using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Workflows.TestKit;

namespace Workflows.Pjrt.Tests.Host;

/// <summary>The command that brings a plugin, against an index of its own.</summary>
public sealed class GetPluginScriptTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FileServer _server = new();
    private readonly byte[] _library = Encoding.UTF8.GetBytes("a library");

    [Fact]
    public async Task Install_OfAWheel_PutsItsLibraryIntoTheFolder()
    {
        Publish("libtpu", "libtpu-0.0.51-cp314-cp314-manylinux_2_31_x86_64.whl", "libtpu/libtpu.so");

        var (code, output, error) = await RunAsync("libtpu");

        Assert.True(code == 0, error);
        Assert.Equal(_library, File.ReadAllBytes(_folder["installed/libtpu.so"]));
        Assert.Contains("Terms of Service", output, StringComparison.Ordinal);
        Assert.Contains(Sum(_library), output, StringComparison.Ordinal);
        Assert.Equal([_folder["installed/libtpu.so"]], Directory.GetFileSystemEntries(_folder["installed"]));
    }

    [Fact]
    public async Task Install_OfAWheelWithAnotherSum_InstallsNothing()
    {
        Publish("jax-cuda13-pjrt", "jax_cuda13_pjrt-0.12.0.1-py3-none-manylinux_2_27_x86_64.whl",
            "jax_plugins/xla_cuda13/xla_cuda_plugin.so", sum: new string('0', 64));

        var (code, _, error) = await RunAsync("cuda");

        Assert.Equal(1, code);
        Assert.Contains("Nothing was installed", error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder["installed"]));
    }

    [Fact]
    public async Task Install_OfALibraryWithAnotherSumThanPinned_InstallsNothing()
    {
        Publish("lammps-jax-pjrt-cpu", "lammps_jax_pjrt_cpu-0.11.2-py3-none-manylinux_2_28_x86_64.whl",
            "lib/pjrt_c_api_cpu_plugin.so");

        var (code, _, error) = await RunAsync("cpu");

        Assert.Equal(1, code);
        Assert.Contains("wanted ad1309ac", error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder["installed"]));
    }

    [Fact]
    public async Task Install_OfAnotherVersion_IsNotFound()
    {
        Publish("libtpu", "libtpu-0.0.52-cp314-cp314-manylinux_2_31_x86_64.whl", "libtpu/libtpu.so");

        var (code, _, error) = await RunAsync("libtpu");

        Assert.Equal(1, code);
        Assert.Contains("has no wheel of version 0.0.51", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Install_WithoutAnIndex_SaysHowToDoWithout()
    {
        var (code, _, error) = await RunAsync("libtpu");

        Assert.Equal(1, code);
        Assert.Contains("by hand", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("rocm")]
    public async Task Install_OfAnUnknownPlugin_SaysWhichThereAre(string plugin)
    {
        var (code, _, error) = await RunAsync(plugin);

        Assert.Equal(2, code);
        Assert.Contains("cpu|libtpu|cuda", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Script_HasNoFindingsOfShellcheck()
    {
        Command.Require("shellcheck", "Install it with 'apt-get install shellcheck'.");

        var (code, output, _) = await Command.RunAsync("shellcheck", [Checkout.PathOf("eng", "get-pjrt-plugin.sh")]);

        Assert.True(code == 0, output);
    }

    public void Dispose()
    {
        _server.Dispose();
        _folder.Dispose();
    }

    private static string Sum(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private async Task<(int ExitCode, string Output, string Error)> RunAsync(string plugin)
    {
        Skipped.Unless(OperatingSystem.IsLinux(), "The command is for Linux.");
        Command.Require("curl", "Install it with 'apt-get install curl'.");
        Command.Require("unzip", "Install it with 'apt-get install unzip'.");
        Directory.CreateDirectory(_folder["installed"]);
        return await Command.RunAsync("bash", [Checkout.PathOf("eng", "get-pjrt-plugin.sh"), plugin],
            new Dictionary<string, string>
            {
                ["WORKFLOWS_WHEEL_INDEX"] = $"{_server.Address}/simple",
                ["WORKFLOWS_PJRT_FOLDER"] = _folder["installed"],
                ["WORKFLOWS_PJRT_SHA256"] = "",
            });
    }

    /// <summary>Puts a page of links on the server, one of which is a wheel with a library in it.</summary>
    private void Publish(string package, string wheel, string member, string? sum = null)
    {
        using var bytes = new MemoryStream();
        using (var archive = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        using (var entry = archive.CreateEntry(member).Open())
        {
            entry.Write(_library);
        }

        var link = $"{_server.Address}/files/{wheel}#sha256={sum ?? Sum(bytes.ToArray())}";
        _server.Pages[$"/files/{wheel}"] = bytes.ToArray();
        _server.Pages[$"/simple/{package}/"] = Encoding.UTF8.GetBytes(
            $"""<html><a href="/old-0.0.1.whl#sha256={new string('1', 64)}">old</a><a href="{link}">new</a>""");
    }

    /// <summary>Gives files by their paths, on this machine only.</summary>
    private sealed class FileServer : IDisposable
    {
        private readonly ReservedPort _port = ReservedPort.Take();
        private readonly HttpListener _listener = new();

        public FileServer()
        {
            _listener.Prefixes.Add($"{Address}/");
            _listener.Start();
            _ = Task.Run(AnswerAsync);
        }

        public string Address => $"http://127.0.0.1:{_port.Number}";

        public ConcurrentDictionary<string, byte[]> Pages { get; } = new(StringComparer.Ordinal);

        public void Dispose()
        {
            _listener.Close();
            _port.Dispose();
        }

        private async Task AnswerAsync()
        {
            while (_listener.IsListening)
            {
                HttpListenerContext asked;
                try
                {
                    asked = await _listener.GetContextAsync();
                }
                catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }

                var isKnown = Pages.TryGetValue(asked.Request.Url!.AbsolutePath, out var page);
                asked.Response.StatusCode = isKnown ? 200 : 404;
                asked.Response.Close(page ?? [], willBlock: true);
            }
        }
    }
}
