using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Workflows.DurableTask.Tests.EndToEnd;

namespace Workflows.DurableTask.Tests.Generators;

/// <summary>Sources are compiled with the generator, and what comes out runs against the sidecar.</summary>
public sealed class SourceGeneratorTests : EndToEndTest
{
    private const string Shop = """
        namespace Shop
        {
            public record Order(string Item, int Count);

            [DurableEvent("Paid")]
            public record Payment(int Amount);

            [DurableTask]
            public class Sell : TaskOrchestrator<Order, string>
            {
                public override async Task<string> RunAsync(TaskOrchestrationContext context, Order input)
                {
                    int price = await context.CallPriceOfAsync(input);
                    context.SetCustomStatus("waiting");
                    Payment payment = await context.WaitForPaidAsync();
                    string note = await context.CallNoteAsync();
                    string old = await context.CallShipOldAsync("a");
                    string young = await context.CallShip_NewAsync("b");
                    return $"{price} {payment.Amount} {note} {old} {young}";
                }
            }

            [DurableTask]
            public class Pay : TaskOrchestrator<string, int>
            {
                public override Task<int> RunAsync(TaskOrchestrationContext context, string input)
                {
                    context.SendPaid(input, new Payment(7));
                    return Task.FromResult(1);
                }
            }

            public abstract class ActivityBase<T> : TaskActivity<Order, T>;

            [DurableTask("PriceOf")]
            public class PriceActivity : ActivityBase<int>
            {
                public override Task<int> RunAsync(TaskActivityContext context, Order input) =>
                    Task.FromResult(input.Count * 3);
            }

            [DurableTask]
            internal class Note : TaskActivity<string?, string>
            {
                public override Task<string> RunAsync(TaskActivityContext context, string? input) =>
                    Task.FromResult(input ?? "none");
            }

            [DurableTask("Ship", Version = "1")]
            public class ShipOld : TaskOrchestrator<string, string>
            {
                public override Task<string> RunAsync(TaskOrchestrationContext context, string input) =>
                    Task.FromResult($"old-{input}-{context.Version}");
            }

            public static class Ship
            {
                [DurableTask("ship", Version = "2")]
                public class New : TaskOrchestrator<string, string>
                {
                    public override Task<string> RunAsync(TaskOrchestrationContext context, string input) =>
                        Task.FromResult($"new-{input}-{context.Version}");
                }
            }

            [DurableTask]
            public class Stock : TaskEntity<int>
            {
                public int Add(int count) => State += count;
            }
        }

        public static class Program
        {
            public static void Register(DurableTaskRegistry registry) => registry.AddAllGeneratedTasks();

            public static Task<string> SellAsync(Microsoft.DurableTask.Client.DurableTaskClient client) =>
                Shop.GeneratedDurableTaskExtensions.ScheduleNewSellInstanceAsync(
                    client, new Shop.Order("tea", 2), new("order"));

            [DurableTask]
            private class Hidden : TaskActivity<int, int>
            {
                public override Task<int> RunAsync(TaskActivityContext context, int input) => Task.FromResult(input);
            }

            public static Task<string> PayAsync(Microsoft.DurableTask.Client.DurableTaskClient client) =>
                Shop.GeneratedDurableTaskExtensions.ScheduleNewPayInstanceAsync(client, "order");
        }
        """;

    [Fact]
    public async Task GeneratedCalls_OfEveryKind_RunAgainstTheSidecar()
    {
        Type program = Compiled.Load(Shop).GetType("Program")!;
        DurableTaskClient client = await Sidecar.WithWorkerAsync(
            program.GetMethod("Register")!.CreateDelegate<Action<DurableTaskRegistry>>());

        string id = await CallAsync(program, "SellAsync", client);
        await WaitForAsync(client, id, state => state.SerializedCustomStatus == "\"waiting\"");
        await CallAsync(program, "PayAsync", client);
        OrchestrationMetadata state = await client.WaitForInstanceCompletionAsync(id, true, Soon);

        Assert.Equal("order", id);
        Assert.Equal("6 7 none old-a-1 new-b-2", state.ReadOutputAs<string>());
    }

    [Fact]
    public void AddAllGeneratedTasks_RegistersEveryKind()
    {
        Type program = Compiled.Load(Shop).GetType("Program")!;
        var registry = new DurableTaskRegistry();

        program.GetMethod("Register")!.CreateDelegate<Action<DurableTaskRegistry>>()(registry);

        Assert.Equal(["Pay", "Sell", "Ship", "ship"], Names(registry.GetOrchestrators().Select(one => one.Key)));
        Assert.Equal(["Note", "PriceOf"], Names(registry.GetActivities().Select(one => one.Key)));
        Assert.Equal(["Stock"], Names(registry.GetEntities().Select(one => one.Key)));
    }

    [Theory]
    [InlineData("""[DurableTask("no name")] class A""", "DURABLE3001", "'no name'")]
    [InlineData("""[DurableTask(Version = " ")] class A""", "DURABLE3005", "'A'")]
    public void Attribute_ThatCannotBe_IsReportedAtTheClass(string head, string id, string part)
    {
        Diagnostic problem = Assert.Single(Compiled.Problems($"{head} {Orchestrator}"));

        Assert.Equal((id, DiagnosticSeverity.Error), (problem.Id, problem.Severity));
        Assert.Contains(part, problem.GetMessage(), StringComparison.Ordinal);
        Assert.Equal("A", problem.Location.SourceTree!.GetText().ToString(problem.Location.SourceSpan));
    }

    [Fact]
    public void Event_WithABadName_IsReported() => Assert.Equal(
        "DURABLE3002", Assert.Single(Compiled.Problems("""[DurableEvent("1st")] struct A;""")).Id);

    [Theory]
    [InlineData("""[DurableTask("X")] class A""", """[DurableTask("x")] class B""", "no version")]
    [InlineData(
        """[DurableTask("X", Version = "1")] class A""",
        """[DurableTask("X", Version = "1")] class B""",
        "version '1'")]
    public void TwoTasks_WithOneNameAndVersion_AreReported(string first, string second, string part)
    {
        Diagnostic problem = Assert.Single(Compiled.Problems($"{first} {Orchestrator} {second} {Orchestrator}"));

        Assert.Equal("DURABLE3003", problem.Id);
        Assert.Contains(part, problem.GetMessage(), StringComparison.Ordinal);
    }

    [Fact]
    public void Generator_AfterAnUnrelatedChange_WritesNothingAnew()
    {
        CSharpCompilation before = Compiled.Parse(Shop);
        GeneratorDriver driver = Compiled.Driver().RunGenerators(before, TestContext.Current.CancellationToken);

        CSharpCompilation after = before.AddSyntaxTrees(CSharpSyntaxTree.ParseText("class Unrelated;"));
        GeneratorRunResult result = driver.RunGenerators(after, TestContext.Current.CancellationToken)
            .GetRunResult().Results.Single();

        Assert.All(
            result.TrackedOutputSteps.SelectMany(step => step.Value).SelectMany(step => step.Outputs),
            output => Assert.Equal(IncrementalStepRunReason.Cached, output.Reason));
    }

    private const string Orchestrator = """
        : TaskOrchestrator<int, int>
        {
            public override Task<int> RunAsync(TaskOrchestrationContext context, int input) => Task.FromResult(input);
        }
        """;

    private static IEnumerable<string> Names(IEnumerable<TaskName> names) =>
        names.Select(name => name.Name).Order(StringComparer.Ordinal);

    private static Task<string> CallAsync(Type program, string method, DurableTaskClient client) =>
        program.GetMethod(method)!.CreateDelegate<Func<DurableTaskClient, Task<string>>>()(client);
}
