using Microsoft.DurableTask.Entities;

namespace Workflows.DurableTask.Tests.Entities;

/// <summary>An entity with a number, and an operation for each thing that operations can do.</summary>
public sealed class Account : TaskEntity<int>
{
    public int Add(int amount) => State += amount;

    public int Get() => State;

    public Task<int> GetLaterAsync() => Task.FromResult(State);

    public async ValueTask<int> AddSlowlyAsync(TaskEntityContext context, int amount = 5)
    {
        await Task.Yield();
        Assert.Equal(Context.Id, context.Id);
        return State += amount;
    }

    public void Fail()
    {
        State = -1;
        Context.SignalEntity(new EntityInstanceId("account", "never"), "Add", 1);
        throw new InvalidOperationException("no money");
    }

    public void Forward(string key) =>
        Context.SignalEntity(new EntityInstanceId(nameof(Account), key), nameof(Add), State);

    public string Start(string instanceId) =>
        Context.ScheduleNewOrchestration("report", State, new(instanceId)
        {
            Tags = new Dictionary<string, string> { ["from"] = "account" },
        });
}
