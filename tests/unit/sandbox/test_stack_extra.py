"""What is said where the sandbox cannot be used at all."""

import pytest
import typer

from payment_gateway.presentation.cli.sandbox_extra import sandbox_needed


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("platformdirs", "install the extra: pip install 'payment-gateway[sandbox]'"),
        ("fcntl", "it runs on Linux and macOS"),
    ],
)
def test_a_missing_module_is_told_with_what_to_do(
    module: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as exited, sandbox_needed("up"):
        raise ModuleNotFoundError(name=module)

    assert exited.value.exit_code == 1
    assert f"payment-gateway up needs {module}; {told}" in capsys.readouterr().err


def test_a_module_that_should_be_there_is_a_fault_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError), sandbox_needed("up"):
        raise ModuleNotFoundError(name="sandbox.stack")
