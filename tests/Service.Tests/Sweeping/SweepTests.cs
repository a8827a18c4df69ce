using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Cloud.Tpu.V2;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Workflows.Activities.Provisioning;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.Orchestrations;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Sweeping;

/// <summary>The sweep that the service makes by itself, and the one of a person, on the emulated cloud.</summary>
public sealed class SweepTests : IAsyncLifetime
{
    private const string Project = "rehearsal-gone", Zone = "us-west4-a",
        Place = $"projects/{Project}/locations/{Zone}";

    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private readonly RunningService _service = new()
    {
        Change = services =>
        {
            var real = services.Last(each => each.ServiceType == typeof(ITpuCloud));
            services.Replace(ServiceDescriptor.Singleton<ITpuCloud>(provider =>
                new WithoutCredentials((ITpuCloud)real.ImplementationFactory!(provider))));
        },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _service.InitializeAsync();

    public ValueTask DisposeAsync() => _service.DisposeAsync();

    [Fact]
    public async Task Service_ThatStarts_GivesBackWhatAnEarlierOneLeftAndProvesIt()
    {
        await LeaveAsync();
        await QueueAsync();

        await _service.RestartAsync(_ => { });
        var view = await WaitAsync(found => found.GetProperty("givenBack").GetArrayLength() == 2);

        Assert.True(view.GetProperty("clean").GetBoolean(), $"{view}");
        Assert.Equal(
            [$"{Place}/nodes/wf-gone-1", $"{Place}/queuedResources/late"],
            view.GetProperty("givenBack").EnumerateArray()
                .Select(each => each.GetProperty("name").GetString()).Order(StringComparer.Ordinal));
        Assert.All(view.GetProperty("givenBack").EnumerateArray(), each =>
        {
            Assert.Equal("NOT_FOUND", each.GetProperty("state").GetString());
            Assert.Contains("/operations/", each.GetProperty("operation").GetString(), StringComparison.Ordinal);
        });
        Assert.Empty(Emulator.Occupied());
    }

    [Fact]
    public async Task ServiceThatSweepsNever_ListsForAPersonAndDeletesOnlyWhenAsked()
    {
        await _service.RestartAsync(settings => settings.SweepMinutes = 0);
        await LeaveAsync();
        var other = await LeaveAsync("other", node => node.Labels[NodeLabels.Service] = "0123456789abcdef");
        var old = await LeaveAsync("old", node => node.Labels.Remove(NodeLabels.Service));

        var look = await SweepAsync("");
        var kept = await _service.Http.GetFromJsonAsync<JsonElement>("/sweep", Cancellation);

        Assert.Equal($"{look.GetProperty("found")}", $"{kept.GetProperty("found")}");
        Assert.Equal(
            [("this-service", "listed"), ("unproved", "listed"), ("other-service", "listed")],
            look.GetProperty("found").EnumerateArray()
                .Select(each => (each.GetProperty("owner").GetString(), each.GetProperty("step").GetString())));
        Assert.Equal(0, look.GetProperty("everyMinutes").GetDouble());

        await SweepAsync("""{"delete": true}""");
        await WaitAsync(found => found.GetProperty("givenBack").GetArrayLength() == 2);

        Assert.Equal(
            [other], (await Tpu.ListNodesAsync(new ListNodesRequest { Parent = $"projects/{Project}/locations/-" }))
                .Nodes.Select(node => node.Name));
        Assert.NotEqual(other, old);

        await SweepAsync("""{"delete": true, "of": ["0123456789abcdef"]}""");
        await WaitAsync(found => found.GetProperty("givenBack").GetArrayLength() == 3);
    }

    [Fact]
    public async Task ARunUnderWay_SweptOverAndOver_LosesNothing()
    {
        var id = await _service.StartAsync(_service.Request(steps: 100_000));
        var (most, isFinished) = (0, false);
        while (await _service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}", Cancellation) is var run
            && !run.GetProperty("hasEnded").GetBoolean())
        {
            // It ends once a sweep has met it, and is swept over until then and from then on.
            if (!isFinished && most > 0 && RunningService.StepOf(run) > 0)
            {
                await _service.FinishAsync(id, beyond: 0);
                isFinished = true;
            }

            var view = await SweepAsync("""{"delete": true}""");
            Assert.Empty(view.GetProperty("found").EnumerateArray());
            most = Math.Max(
                most, view.GetProperty("projects").EnumerateArray().Sum(each => each.GetProperty("live").GetInt32()));
            await Task.Delay(TimeSpan.FromMilliseconds(100), Cancellation);
        }

        var report = await _service.ReportAsync(id);
        Assert.True(report.GetProperty("status").GetString() == "succeeded", $"{report}");
        Assert.Empty(report.GetProperty("recoveries").EnumerateArray());
        Assert.Equal(1, most);
        var row = Assert.Single(report.GetProperty("teardown").EnumerateArray());
        Assert.Contains("/operations/", row.GetProperty("operation").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sweep_OfAProjectWithoutCredentials_SaysSoBesideTheOthers()
    {
        await LeaveAsync();

        var view = await SweepAsync("""{"project": "my-project-123"}""");

        var closed = view.GetProperty("projects").EnumerateArray()
            .Single(each => each.GetProperty("project").GetString() == "my-project-123");
        Assert.StartsWith("CREDENTIALS_MISSING", closed.GetProperty("problem").GetString(), StringComparison.Ordinal);
        Assert.Equal("Log in.", closed.GetProperty("fix").GetString());
        Assert.NotEmpty(view.GetProperty("found").EnumerateArray());
        Assert.False(view.GetProperty("clean").GetBoolean());
    }

    [Theory]
    [InlineData("{", "$")]
    [InlineData("[]", "$")]
    [InlineData("""{"delete": "yes"}""", "delete")]
    [InlineData("""{"delete": true, "delete": false}""", "delete")]
    [InlineData("""{"projekt": "p"}""", "projekt")]
    [InlineData("""{"project": ""}""", "project")]
    [InlineData("""{"project": "../../etc"}""", "project")]
    [InlineData("""{"project": "my-project-123\n"}""", "project")]
    [InlineData("""{"delete": true, "of": ["0123456789ABCDEF"]}""", "of")]
    [InlineData("""{"delete": true, "of": [null]}""", "of")]
    [InlineData("""{"of": ["0123456789abcdef"]}""", "of")]
    public async Task Sweep_OfRubbish_NamesTheFieldAndDoesNothing(string body, string field)
    {
        using var content = new StringContent(body);
        using var answer = await _service.Http.PostAsync(new Uri("/sweep", UriKind.Relative), content, Cancellation);
        var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation))!;

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("REQUEST_INVALID", problem["code"]!.GetValue<string>());
        var error = Assert.Single(problem["errors"]!.AsArray())!;
        Assert.Equal(field, error["field"]!.GetValue<string>());
        Assert.NotEmpty(error["fix"]!.GetValue<string>());
    }

    private ITpuEmulator Emulator => _service.Services.GetRequiredService<ITpuEmulator>();

    private Tpu.TpuClient Tpu => _service.Services.GetRequiredService<ITpuCloud>()
        .ConnectAsync(Project, isRehearsal: true, Cancellation).Result.Tpu;

    /// <summary>Leaves a node of a run that nobody knows; its VM does not boot within the test.</summary>
    private async Task<string> LeaveAsync(string run = "gone", Action<Node>? change = null)
    {
        Emulator.Prepare(Project, """{"createSeconds": 3600, "deleteSeconds": 0.05}""");
        var node = NodeOf(run);
        change?.Invoke(node);
        await Tpu.CreateNodeAsync(new CreateNodeRequest { Parent = Place, NodeId = $"wf-{run}-1", Node = node });
        return $"{Place}/nodes/wf-{run}-1";
    }

    /// <summary>Leaves a request that is met in an hour.</summary>
    private async Task QueueAsync() => await Tpu.CreateQueuedResourceAsync(new CreateQueuedResourceRequest
    {
        Parent = Place,
        QueuedResourceId = "late",
        QueuedResource = new QueuedResource
        {
            Tpu = new QueuedResource.Types.Tpu
            {
                NodeSpec =
                {
                    new QueuedResource.Types.Tpu.Types.NodeSpec
                    {
                        Parent = Place, NodeId = "wf-late-1", Node = NodeOf("late"),
                    },
                },
            },
            QueueingPolicy = new QueuedResource.Types.QueueingPolicy
            {
                ValidAfterDuration = Duration.FromTimeSpan(TimeSpan.FromHours(1)),
            },
        },
    });

    private Node NodeOf(string run)
    {
        var secrets = _service.Services.GetRequiredService<NodeSecrets>();
        var name = NodeName.Of(Project, Zone, $"wf-{run}-1");
        return new Node
        {
            AcceleratorType = "v5litepod-8",
            RuntimeVersion = "v2-alpha-tpuv5-lite",
            Labels = { [NodeLabels.Run] = run, [NodeLabels.Service] = secrets.ServiceId },
            Metadata = { [NodeLabels.Secret] = secrets.For(new RunId(run), name) },
        };
    }

    private async Task<JsonElement> SweepAsync(string body)
    {
        using var content = new StringContent(body);
        using var answer = await _service.Http.PostAsync(new Uri("/sweep", UriKind.Relative), content, Cancellation);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }

    private async Task<JsonElement> WaitAsync(Func<JsonElement, bool> condition)
    {
        var deadline = TimeProvider.System.GetUtcNow() + Deadline;
        while (true)
        {
            var view = await SweepAsync("");
            if (condition(view))
            {
                return view;
            }

            Assert.True(TimeProvider.System.GetUtcNow() < deadline, $"{view}");
            await Task.Delay(TimeSpan.FromMilliseconds(100), Cancellation);
        }
    }

    private sealed class WithoutCredentials(ITpuCloud emulated) : ITpuCloud
    {
        public Task<TpuConnection> ConnectAsync(
            string project, bool isRehearsal, CancellationToken cancellationToken) => isRehearsal
            ? emulated.ConnectAsync(project, isRehearsal, cancellationToken)
            : throw new RunFaultException("CREDENTIALS_MISSING", "There are none.", "Log in.");
    }
}
