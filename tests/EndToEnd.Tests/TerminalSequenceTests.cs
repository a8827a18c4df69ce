using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Workflows.TestKit;

namespace Workflows.EndToEnd.Tests;

/// <summary>Texts of a service with sequences that a terminal would execute are shown as text.</summary>
[Collection("small programs")]
public sealed class TerminalSequenceTests : IDisposable
{
    // JSON's own escapes: the command decodes them to the characters themselves.
    private const string Evil = """\u001b[2J\u001b]0;owned\u0007\u009b31m\u202edrow""";

    private const string Run = $$"""
        {"id": "run-1", "name": "name {{Evil}}", "status": "failed", "stage": "train", "detail": "detail {{Evil}}",
         "progress": {"detail": "progress {{Evil}}", "step": 1, "steps": 2, "tokensPerSecond": 1, "checkpointStep": 0},
         "failure": {"code": "CODE", "message": "message {{Evil}}", "fix": "fix {{Evil}}"}, "hasEnded": true}
        """;

    private static readonly Dictionary<string, string> Answers = new()
    {
        ["GET /runs"] = $"[{Run}]",
        ["GET /runs/run-1"] = Run,
        ["GET /zones"] = $$"""
            [{"project": "project {{Evil}}", "place": "place {{Evil}}", "acceleratorType": "v6e-1",
              "provisioning": "spot", "until": "2026-11-24T09:00:00Z", "code": "CODE", "reason": "reason {{Evil}}"}]
            """,
        ["POST /plan"] = $$"""
            {"model": "model {{Evil}}", "parameters": 1, "estimate": [], "estimatedSeconds": 1, "estimatedUsd": 1,
             "budgetUsd": 1, "frontier": [], "notes": ["note {{Evil}}"],
             "refusal": {"code": "CODE", "message": "message {{Evil}}", "fix": "fix {{Evil}}"},
             "places": [{"order": 1, "zone": "zone {{Evil}}", "acceleratorType": "v6e-1", "provisioning": "spot",
               "chips": 1, "usdPerHour": 1, "seconds": 1, "usd": 1, "isIn": true, "why": "why {{Evil}}"}]}
            """,
        ["POST /doctor"] = $$"""
            {"ready": false, "lines": [
              {"check": "check", "level": "fail", "finding": "finding {{Evil}}", "fix": "fix {{Evil}}"}]}
            """,
    };

    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(4);

    private readonly TemporaryFolder _folder = new("workflows-terminal-");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Commands_WithTextsThatATerminalWouldExecute_ShowThemAsText()
    {
        var (builder, ports) = LoopbackApplication.CreateBuilder(LogLevel.Warning, HttpProtocols.Http1);
        await using var service = builder.Build();
        service.Run(context =>
        {
            var isKnown = Answers.TryGetValue($"{context.Request.Method} {context.Request.Path}", out var answer);
            context.Response.StatusCode = isKnown ? StatusCodes.Status200OK : StatusCodes.Status404NotFound;
            context.Response.ContentType = "application/json";
            return context.Response.WriteAsync(answer ?? $$"""{"code": "RUN_UNKNOWN", "detail": "unknown {{Evil}}"}""");
        });
        await service.StartAsync(TestContext.Current.CancellationToken);
        var request = _folder.Write("request.json", "{}");
        foreach (var (arguments, parts) in new (string[], string[])[]
        {
            (["list"], ["name"]),
            (["status", "run-1"], ["detail", "progress", "message", "fix"]),
            (["status", "run-2"], ["unknown"]),
            (["zones"], ["project", "place", "reason"]),
            (["plan", request], ["model", "note", "message", "fix", "zone", "why"]),
            (["doctor", request], ["finding", "fix"]),
        })
        {
            using var command = ProgramRun.Cli([.. arguments, "--service", $"http://127.0.0.1:{ports[0]}"]);
            await command.EndAsync(Deadline);
            var shown = command.Output + command.Error;

            Assert.DoesNotContain(
                shown, character => character is not ('\r' or '\n') && char.IsControl(character));
            Assert.DoesNotContain('\u202e', shown);
            Assert.All(parts, part => Assert.Contains($"{part} {Evil}", shown, StringComparison.Ordinal));
        }
    }
}
