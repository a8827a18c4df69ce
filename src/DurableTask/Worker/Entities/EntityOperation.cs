using Microsoft.DurableTask.Entities;

namespace Microsoft.DurableTask.Worker.Entities;

/// <summary>One operation of a batch.</summary>
internal sealed class EntityOperation(
    string name, string? input, EntityActions context, EntityStateText state, DataConverter converter)
    : TaskEntityOperation
{
    public override string Name => name;

    public override TaskEntityContext Context => context;

    public override TaskEntityState State => state;

    public override bool HasInput => input is not null;

    public override object? GetInput(Type inputType) => converter.Deserialize(input, inputType);

    public void Commit()
    {
        state.Commit();
        context.Commit();
    }

    public void RollBack()
    {
        state.RollBack();
        context.RollBack();
    }
}
