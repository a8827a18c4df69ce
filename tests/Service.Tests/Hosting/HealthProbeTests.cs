using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Hosting;

/// <summary>The health checks of the containers, by the programs that they start.</summary>
public sealed class HealthProbeTests
{
    private const string Sidecar = "Workflows.DurableTask.Sidecar.dll";
    private const string Emulator = "Workflows.GoogleCloud.TpuEmulator.dll";
    private const string Service = "Workflows.Service.dll";

    [Theory]
    [InlineData(Service, HttpProtocols.Http1, 200, 0)]
    [InlineData(Service, HttpProtocols.Http1, 503, 1)]
    [InlineData(Emulator, HttpProtocols.Http1, 200, 0)]
    [InlineData(Emulator, HttpProtocols.Http1, 404, 1)]
    [InlineData(Sidecar, HttpProtocols.Http2, 200, 0)]
    [InlineData(Sidecar, HttpProtocols.Http2, 503, 1)]
    [InlineData(Sidecar, HttpProtocols.Http1, 200, 1)]
    public async Task Program_AskedForHealth_EndsWithTheServersAnswer(
        string program, HttpProtocols protocol, int status, int expected)
    {
        var (builder, ports) = LoopbackApplication.CreateBuilder(LogLevel.None, protocol);
        await using var server = builder.Build();
        server.Run(context =>
        {
            context.Response.StatusCode = context.Request.Path == "/asked" ? status : 500;
            return Task.CompletedTask;
        });
        await server.StartAsync(TestContext.Current.CancellationToken);

        var (code, _, error) = await AskAsync(program, $"http://127.0.0.1:{ports[0]}/asked");

        Assert.True(code == expected, $"{code}: {error}");
        Assert.Equal(expected == 0, error.Length == 0);
    }

    [Theory]
    [InlineData(Service)]
    [InlineData(Sidecar)]
    [InlineData(Emulator)]
    public async Task Program_AskedForAServerThatIsNotThere_SaysSo(string program)
    {
        using var port = ReservedPort.Take();

        var (code, _, error) = await AskAsync(program, $"http://127.0.0.1:{port.Number}/");

        Assert.Equal(1, code);
        Assert.Contains($":{port.Number}/ does not answer", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("here")]
    [InlineData("file:///etc/passwd")]
    [InlineData("http://127.0.0.1:1/", "more")]
    public async Task Program_WithoutAnAddress_NamesOne(params string[] arguments)
    {
        var (code, _, error) = await AskAsync(Service, arguments);

        Assert.Equal(2, code);
        Assert.Contains("http://127.0.0.1:8080/healthz", error, StringComparison.Ordinal);
    }

    /// <summary>Runs a program in an empty folder, in which one that starts its server would leave its state.</summary>
    private static async Task<(int Code, string Output, string Error)> AskAsync(
        string program, params string[] arguments)
    {
        using var folder = new TemporaryFolder("health-");
        var path = Path.Combine(Path.GetDirectoryName(ServiceProgram.Path)!, program);
        var answer = await Command.RunAsync("dotnet", [path, "--health", .. arguments], folder: folder.Path);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
        return answer;
    }
}
