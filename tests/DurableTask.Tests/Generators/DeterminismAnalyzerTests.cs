namespace Workflows.DurableTask.Tests.Generators;

/// <summary>What the analyzer finds in orchestrators, and what it leaves alone.</summary>
public sealed class DeterminismAnalyzerTests
{
    [Theory]
    [InlineData("_ = DateTime.Now;", "DURABLE0001: Now")]
    [InlineData("_ = DateTime.Today;", "DURABLE0001: Today")]
    [InlineData("_ = DateTimeOffset.UtcNow;", "DURABLE0001: UtcNow")]
    [InlineData("System.Diagnostics.Stopwatch.StartNew();", "DURABLE0001: System.Diagnostics.Stopwatch.StartNew()")]
    [InlineData("_ = Guid.NewGuid();", "DURABLE0002: Guid.NewGuid()")]
    [InlineData("await Task.Delay(1);", "DURABLE0003: Task.Delay(1)")]
    [InlineData("Thread.Sleep(1);", "DURABLE0003: Thread.Sleep(1)")]
    [InlineData("await Task.Run(() => 1);", "DURABLE0004: Task.Run(() => 1)")]
    [InlineData("new Thread(() => { }).Start();", "DURABLE0004: new Thread(() => { }).Start()")]
    [InlineData("lock (context) { }", "DURABLE0004: lock (context) { }")]
    [InlineData("System.IO.File.Delete(\"x\");", "DURABLE0005: System.IO.File.Delete(\"x\")")]
    [InlineData("new System.Net.Http.HttpClient();", "DURABLE0005: new System.Net.Http.HttpClient()")]
    [InlineData("_ = Environment.MachineName;", "DURABLE0006: MachineName")]
    [InlineData("while (true) { context.SetCustomStatus(1); }", "DURABLE0011: while")]
    [InlineData("Random.Shared.Next();", "DURABLE0012: Random.Shared.Next()")]
    [InlineData("_ = new Random(1);", "DURABLE0012: new Random(1)")]
    [InlineData(
        "await new System.IO.StringReader(\"\").ReadLineAsync();",
        "DURABLE0013: await new System.IO.StringReader(\"\").ReadLineAsync()")]
    public async Task Orchestrator_ThatDoesNotReplay_IsReported(string statement, string expected) =>
        Assert.Equal([expected], await Compiled.AnalyzeAsync(Orchestrator(statement)));

    [Theory]
    [InlineData("await context.CallActivityAsync(\"a\");")]
    [InlineData("await context.Entities.CallEntityAsync(new EntityInstanceId(\"a\", \"b\"), \"c\");")]
    [InlineData("await using (await context.Entities.LockEntitiesAsync(new EntityInstanceId(\"a\", \"b\"))) { }")]
    [InlineData(
        "await Task.WhenAll(context.CallActivityAsync(\"a\"), context.CreateTimer(DateTime.MinValue, default));")]
    [InlineData("_ = context.NewGuid(); _ = context.CurrentUtcDateTime; _ = new DateTime(2026, 1, 1);")]
    [InlineData("while (true) { context.ContinueAsNew(); break; }")]
    [InlineData("Func<Task> later = async () => await context.CallActivityAsync(\"a\"); await later();")]
    [InlineData("_ = new[] { 1 }.Select(x => x + 1).ToList(); _ = string.Join(\",\", 1);")]
    public async Task Orchestrator_ThatReplays_IsLeftAlone(string statement) =>
        Assert.Empty(await Compiled.AnalyzeAsync(Orchestrator(statement)));

    [Fact]
    public async Task LocalCalls_AtAnyDepth_AreFollowedAndReportedOnce() => Assert.Equal(
        ["DURABLE0002: Guid.NewGuid()", "DURABLE0001: UtcNow", "DURABLE0012: Random.Shared.Next()"],
        await Compiled.AnalyzeAsync("""
            class A : TaskOrchestrator<int, int>
            {
                private int Chance => Helper.Draw();
                public override async Task<int> RunAsync(TaskOrchestrationContext context, int input)
                {
                    Local();
                    await StepAsync(context);
                    return Chance;
                    void Local() => Guid.NewGuid();
                }
                private static async Task StepAsync(TaskOrchestrationContext context)
                {
                    await context.CallActivityAsync("a", DateTime.UtcNow);
                    await StepAsync(context);
                }
            }
            class B : A
            {
                public override Task<int> RunAsync(TaskOrchestrationContext context, int input) =>
                    Task.FromResult(Helper.Draw());
            }
            static class Helper
            {
                public static int Draw() => Random.Shared.Next();
                public static int Unused() => Random.Shared.Next();
            }
            """));

    [Fact]
    public async Task Functions_GivenToTheRegistry_AreOrchestrators() => Assert.Equal(
        ["DURABLE0001: Now", "DURABLE0002: Guid.NewGuid()", "DURABLE0001: UtcNow"],
        await Compiled.AnalyzeAsync("""
            static class Program
            {
                static void Register(DurableTaskRegistry registry)
                {
                    registry.AddOrchestratorFunc<int, DateTime>("a", (context, input) => Task.FromResult(DateTime.Now));
                    registry.AddOrchestratorFunc<int, DateTime>("b", Named);
                    registry.AddOrchestratorFunc("c", async context => { Guid.NewGuid(); await Task.CompletedTask; });
                    registry.AddActivityFunc<int, Guid>("d", (context, input) => Task.FromResult(Guid.NewGuid()));
                }
                static Task<DateTime> Named(TaskOrchestrationContext context, int input) =>
                    Task.FromResult(DateTime.UtcNow);
            }
            """));

    [Fact]
    public async Task Logger_OfTheClass_IsReportedAndTheContextsIsNot() => Assert.Equal(
        ["DURABLE0010: _logger"],
        await Compiled.AnalyzeAsync("""
            class A(Microsoft.Extensions.Logging.ILogger<A> logger) : TaskOrchestrator<int, int>
            {
                private readonly Microsoft.Extensions.Logging.ILogger _logger = logger;
                public override Task<int> RunAsync(TaskOrchestrationContext context, int input)
                {
                    Microsoft.Extensions.Logging.ILogger good = context.CreateReplaySafeLogger<A>();
                    good.BeginScope(1);
                    _logger.BeginScope(1);
                    return Task.FromResult(1);
                }
            }
            """));

    [Fact]
    public async Task ActivitiesAndOtherClasses_MayDoAnything() => Assert.Empty(await Compiled.AnalyzeAsync("""
        class A : TaskActivity<int, Guid>
        {
            public override async Task<Guid> RunAsync(TaskActivityContext context, int input)
            {
                await Task.Delay(DateTime.Now.Millisecond);
                return Guid.NewGuid();
            }
        }
        """));

    private static string Orchestrator(string statement) => $$"""
        class A : TaskOrchestrator<int, int>
        {
            public override async Task<int> RunAsync(TaskOrchestrationContext context, int input)
            {
                await context.CallActivityAsync("first");
                {{statement}}
                return 1;
            }
        }
        """;
}
