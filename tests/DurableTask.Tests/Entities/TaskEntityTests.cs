using Microsoft.DurableTask.Client.Entities;
using Microsoft.DurableTask.Converters;
using Microsoft.DurableTask.Entities;
using Microsoft.DurableTask.Worker.Entities;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.DurableTask.Protocol;
using EntityQuery = Microsoft.DurableTask.Client.Entities.EntityQuery;

namespace Workflows.DurableTask.Tests.Entities;

/// <summary>Batches, dispatch and ids without an engine.</summary>
public sealed class TaskEntityTests
{
    private static readonly EntityInstanceId Id = new("Counter", "Key@1");

    [Theory]
    [InlineData("@counter@Key@1", "counter", "Key@1")]
    [InlineData("@Counter@", "counter", "")]
    public void FromString_NameAndKey_SplitAtTheSecondSign(string text, string name, string key)
    {
        EntityInstanceId id = EntityInstanceId.FromString(text);

        Assert.Equal((name, key), (id.Name, id.Key));
    }

    [Theory]
    [InlineData("counter@key")]
    [InlineData("@counter")]
    [InlineData("@@key")]
    public void FromString_NoEntityId_SaysTheForm(string text) => Assert.Contains(
        "'@name@key'",
        Assert.Throws<ArgumentException>(() => EntityInstanceId.FromString(text)).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Id_AsJson_IsItsText()
    {
        string json = JsonDataConverter.Default.Serialize(Id)!;

        Assert.Equal("\"@counter@Key@1\"", json);
        Assert.Equal(Id, JsonDataConverter.Default.Deserialize<EntityInstanceId>(json));
    }

    [Theory]
    [InlineData("Acc", "@acc")]
    [InlineData("@Acc@Key", "@acc@Key")]
    [InlineData("", "@")]
    public void Query_Prefix_IsNormalized(string given, string expected) =>
        Assert.Equal(expected, new EntityQuery { InstanceIdStartsWith = given }.InstanceIdStartsWith);

    [Fact]
    public void Metadata_AsJson_LeavesOutWhatThereIsNot() => Assert.Equal(
        """{"Id":"@counter@Key@1","LastModifiedTime":"0001-01-01T00:00:00+00:00","State":3}""",
        System.Text.Json.JsonSerializer.Serialize(new EntityMetadata<int>(Id, 3)));

    [Fact]
    public async Task Batch_WithAFailure_UndoesThatOperationOnly()
    {
        EntityBatchResult result = await RunAsync(
            new Account(), "1", ("add", "2"), ("fail", null), ("forward", "\"x\""));

        Assert.Equal("3", result.EntityState);
        Assert.Equal("3", result.Results[0].Success.Result);
        Assert.Equal("no money", result.Results[1].Failure.FailureDetails.ErrorMessage);
        SendSignalAction signal = Assert.Single(result.Actions).SendSignal;
        Assert.Equal(("@account@x", "Add", "3"), (signal.InstanceId, signal.Name, signal.Input));
    }

    [Fact]
    public async Task Batch_ChangedObjectOfAFailedOperation_IsReadAnew()
    {
        EntityBatchResult result = await RunAsync(new Listing(), "[1]", ("break", "9"), ("add", "2"));

        Assert.Equal("[1,2]", result.EntityState);
    }

    [Fact]
    public async Task StateDispatch_WhenAllowed_RunsMethodsOfTheState()
    {
        EntityBatchResult allowed = await RunAsync(new Listing(), "[3,1]", ("removeAt", "0"));
        EntityBatchResult refused = await RunAsync(new Account(), "3", ("CompareTo", "3"));

        Assert.Equal("[1]", allowed.EntityState);
        Assert.Contains("CompareTo", refused.Results[0].Failure.FailureDetails.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_WithoutAMethod_RemovesTheState()
    {
        EntityBatchResult result = await RunAsync(new Account(), "3", ("Delete", null));

        Assert.Null(result.EntityState);
        Assert.NotNull(result.Results[0].Success);
    }

    [Fact]
    public async Task FalsyValues_AreValues()
    {
        EntityBatchResult result = await RunAsync(new Account(), null, ("add", "0"), ("get", null));

        Assert.Equal("0", result.EntityState);
        Assert.Equal("0", result.Results[1].Success.Result);
    }

    [Fact]
    public async Task TwoInputs_AreRefusedByName()
    {
        EntityBatchResult result = await RunAsync(new Listing(), "[]", ("two", "1"));

        Assert.Contains(
            "'first' and 'second'", result.Results[0].Failure.FailureDetails.ErrorMessage, StringComparison.Ordinal);
    }

    private static Task<EntityBatchResult> RunAsync(
        ITaskEntity entity, string? state, params (string Name, string? Input)[] operations) =>
        new EntityBatch(
            entity, Id, JsonDataConverter.Default, null, TimeProvider.System, NullLogger.Instance)
            .RunAsync(state, operations.Select(one => (one.Name, one.Input, (TraceContext?)null)));

    private sealed class Listing : TaskEntity<List<int>>
    {
        protected override bool AllowStateDispatch => true;

        public void Break(int value)
        {
            State.Add(value);
            throw new InvalidOperationException("broken");
        }

        public void Two(int first, int second) => State.AddRange([first, second]);
    }
}
