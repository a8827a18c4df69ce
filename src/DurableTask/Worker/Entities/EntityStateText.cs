using Microsoft.DurableTask.Entities;

namespace Microsoft.DurableTask.Worker.Entities;

/// <summary>An entity's state as text, with the last object read from or written to it.</summary>
internal sealed class EntityStateText(DataConverter converter, string? text) : TaskEntityState
{
    private string? _text = text;
    private object? _value;

    public string? Committed { get; private set; } = text;

    public override bool HasState => _text is not null;

    public override object? GetState(Type type)
    {
        if (_value is null || !type.IsInstanceOfType(_value))
        {
            _value = converter.Deserialize(_text, type);
        }

        return _value;
    }

    public override void SetState(object? state)
    {
        _text = converter.Serialize(state);
        _value = state;
    }

    public void Commit() => Committed = _text;

    public void RollBack()
    {
        _text = Committed;
        // The failed operation may have changed the object without writing it.
        _value = null;
    }
}
